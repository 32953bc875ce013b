import { Button, Group, NumberInput, Radio, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { answer, api, fieldErrors } from '../../api/client';
import type { ConfigurationSettings } from '../../api/types';
import { notify } from '../../app/notify';
import { FormProblem } from '../../components/FormProblem';
import { Failed, Loading } from '../../components/States';
import { settingsQuery } from './queries';
import classes from './SilenceLimit.module.css';
import { inMinutes, inSeconds } from './silence';

/** What is proposed where nothing was set before. */
const PROPOSED = 60;

/** After how long without news a job of this kind is silent; of all its versions. */
export function SilenceLimit({ tag }: { tag: string }) {
  const settings = useQuery(settingsQuery(tag));
  if (settings.data === undefined) {
    return settings.isError ? (
      <Failed error={settings.error} retry={() => void settings.refetch()} />
    ) : (
      <Loading lines={2} label="Loading the settings" />
    );
  }
  // What was saved here or elsewhere is what is edited next.
  return <LimitForm settings={settings.data} key={settings.data.updated_at} />;
}

function LimitForm({ settings: { tag, silence_limit } }: { settings: ConfigurationSettings }) {
  const client = useQueryClient();
  const [isSet, setSet] = useState(silence_limit !== null);
  const [minutes, setMinutes] = useState<string | number>(
    silence_limit === null ? PROPOSED : inMinutes(silence_limit),
  );
  // A limit that was set elsewhere, to the second, stays as it is unless it is edited.
  const isEdited = silence_limit === null || minutes !== inMinutes(silence_limit);
  const limit = isSet ? (isEdited ? inSeconds(minutes) : silence_limit) : null;
  const isWrong = isSet && limit === null;
  const save = useMutation({
    mutationFn: () => {
      const params = { path: { tag } };
      return answer(api.PATCH('/api/v1/configuration-settings/{tag}', { params, body: { silence_limit: limit } }));
    },
    onSuccess: settings => {
      client.setQueryData(settingsQuery(tag).queryKey, settings);
      notify({ message: 'The limit is saved.' });
    },
  });
  const errors = save.isError ? fieldErrors(save.error, ['silence_limit']) : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isWrong) {
      save.mutate();
    }
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm" align="flex-start">
        <Text>A running job of any version is shown as silent, and counted as such, once nothing has come</Text>
        <FormProblem>{errors['']}</FormProblem>
        <Radio.Group
          aria-label="When a job is silent"
          value={isSet ? 'set' : 'usual'}
          onChange={value => setSet(value === 'set')}
        >
          <Stack gap="xs">
            <Radio
              value="usual"
              label="for longer than its step usually takes"
              description="Longer than 99 of 100 of the newest 1,000; an hour while fewer than 20 are known; never less than 2 minutes."
            />
            <Group gap="sm" align="flex-start">
              <Radio value="set" label="for" className={classes.set} />
              <NumberInput
                aria-label="Minutes without news"
                className={classes.minutes}
                min={2}
                max={43_200}
                decimalScale={2}
                suffix=" min"
                thousandSeparator=","
                disabled={!isSet}
                value={minutes}
                onChange={setMinutes}
                error={errors.silence_limit ?? (isWrong && 'From 2 minutes to 30 days')}
              />
            </Group>
          </Stack>
        </Radio.Group>
        <Button type="submit" variant="default" loading={save.isPending}>
          Save
        </Button>
      </Stack>
    </form>
  );
}
