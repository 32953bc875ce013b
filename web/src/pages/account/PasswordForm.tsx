import { Button, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { answer, api, fieldErrors } from '../../api/client';
import type { User } from '../../api/types';
import { notify } from '../../app/notify';
import { FormProblem } from '../../components/FormProblem';
import { PasswordField } from '../../components/PasswordField';
import { useFields } from '../../components/useFields';
import { LONGEST_PASSWORD, PASSWORD_RULE, passwordProblem, repetitionProblem } from './passwords';

const EMPTY = { current_password: '', new_password: '', again: '' };

export function PasswordForm({ me }: { me: User }) {
  const { values, set, field } = useFields(EMPTY);
  const [wasTried, setTried] = useState(false);
  const { current_password, new_password, again } = values;
  const change = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/users/me/password', { body: { current_password, new_password } })),
    onSuccess: () => {
      set(EMPTY);
      setTried(false);
      notify({ message: 'Your password is changed. All your other sessions were signed out.' });
    },
  });
  const refused = change.isError ? fieldErrors(change.error, ['current_password', 'new_password']) : {};
  const tooWeak = wasTried ? passwordProblem(new_password) : null;
  const differs = wasTried ? repetitionProblem(new_password, again) : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (passwordProblem(new_password) === null && repetitionProblem(new_password, again) === null) {
      change.mutate();
    }
  };
  const longest = 2 * LONGEST_PASSWORD;
  return (
    <form onSubmit={submit}>
      <Stack>
        <FormProblem>{refused['']}</FormProblem>
        {/* For password managers: whose password it is. */}
        <input type="text" name="username" autoComplete="username" value={me.email} readOnly hidden />
        <PasswordField
          label="Current password"
          autoComplete="current-password"
          error={refused.current_password}
          maxLength={longest}
          {...field('current_password')}
        />
        <PasswordField
          label="New password"
          description={PASSWORD_RULE}
          autoComplete="new-password"
          error={tooWeak ?? refused.new_password}
          maxLength={longest}
          {...field('new_password')}
        />
        <PasswordField
          label="New password again"
          autoComplete="new-password"
          error={differs}
          maxLength={longest}
          {...field('again')}
        />
        <Text size="sm" c="var(--quiet)">
          This browser stays signed in; your other sessions are signed out. API keys go on as they are.
        </Text>
        <Button type="submit" loading={change.isPending} style={{ alignSelf: 'flex-start' }}>
          Change the password
        </Button>
      </Stack>
    </form>
  );
}
