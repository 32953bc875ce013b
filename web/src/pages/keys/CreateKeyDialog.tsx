import { Button, Chip, Group, Input, Modal, Radio, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, lazy, Suspense, useState } from 'react';
import { answer, api, fieldErrors } from '../../api/client';
import type { Scope } from '../../api/types';
import { useMe } from '../../app/session';
import { FormProblem } from '../../components/FormProblem';
import { useFocusBack } from '../../components/useFocusBack';
import { useStay } from '../../components/useStay';
import { expiresAt, LIFETIMES, type Lifetime } from './expiry';
import { keysQuery } from './queries';
import { type RevealedKey, RevealKey } from './RevealKey';

const EndDate = lazy(() => import('./EndDate'));

/** Makes a key and shows its secret. */
export function CreateKeyDialog({ close }: { close: () => void }) {
  useFocusBack();
  const isProvider = useMe().role === 'provider';
  const [note, setNote] = useState('');
  const [scope, setScope] = useState<Scope>(isProvider ? 'write' : 'read');
  const [lifetime, setLifetime] = useState<Lifetime>('90d');
  const [date, setDate] = useState<string | null>(null);
  const [dateProblem, setDateProblem] = useState<string | null>(null);
  // The secret is kept here only, and goes with the dialog.
  const [revealed, setRevealed] = useState<RevealedKey | null>(null);
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: (expires_at: string | null) =>
      answer(api.POST('/api/v1/api-keys', { body: { note, scope, expires_at } })),
    onSuccess: key => {
      setRevealed(key);
      void client.invalidateQueries({ queryKey: keysQuery.queryKey });
    },
    gcTime: 0,
  });
  // An answer that nobody sees would be a secret lost.
  useStay(create.isPending);
  const leave = () => create.isPending || close();
  if (revealed !== null) {
    return <RevealKey revealed={revealed} close={close} />;
  }
  const errors = create.isError ? fieldErrors(create.error, ['note', 'scope', 'expires_at']) : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const end = expiresAt(lifetime, date, new Date());
    setDateProblem(end === undefined ? 'Choose the day.' : null);
    if (end !== undefined) {
      create.mutate(end);
    }
  };
  return (
    <Modal opened onClose={leave} title="Create a key">
      <form onSubmit={submit}>
        <Stack>
          <FormProblem>{errors['']}</FormProblem>
          <TextInput
            label="What is it for?"
            description="The program or machine that will use it. One key for each makes it easy to replace one."
            placeholder="Pipeline on node 3"
            required
            maxLength={500}
            data-autofocus
            value={note}
            onChange={event => setNote(event.currentTarget.value)}
            error={errors.note}
          />
          {isProvider ? (
            <Radio.Group
              label="What may it do?"
              value={scope}
              onChange={value => setScope(value as Scope)}
              error={errors.scope}
            >
              <Stack gap="xs" mt={6}>
                <Radio
                  value="write"
                  label="Read and write"
                  description="Registers configurations, opens jobs, reports events, and reads. For programs that do the work."
                />
                <Radio
                  value="read"
                  label="Read only"
                  description="Reads jobs, events and configurations. For dashboards and reports."
                />
              </Stack>
            </Radio.Group>
          ) : (
            <Text c="var(--quiet)">It may read the jobs opened for you, and nothing else.</Text>
          )}
          <Input.Wrapper label="When does it end?" error={dateProblem ?? errors.expires_at} labelElement="div">
            <Chip.Group value={lifetime} onChange={value => setLifetime(value as Lifetime)}>
              <Group gap={6} mt={6}>
                {LIFETIMES.map(({ value, label }) => (
                  <Chip key={value} value={value} size="sm" radius="sm" variant="outline">
                    {label}
                  </Chip>
                ))}
              </Group>
            </Chip.Group>
          </Input.Wrapper>
          {lifetime === 'date' && (
            <Suspense fallback={<Skeleton height={56} />}>
              <EndDate value={date} onChange={setDate} />
            </Suspense>
          )}
          {lifetime === 'never' && (
            <Text size="sm" c="var(--quiet)">
              A key without an end works until somebody expires it, even if it has leaked.
            </Text>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={leave} disabled={create.isPending}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending}>
              Create the key
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
