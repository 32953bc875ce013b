import { Button, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { ApiError, answer, api } from '../../api/client';
import { meQuery } from '../../api/queries';
import type { User } from '../../api/types';
import { useBeginSession } from '../../app/session';
import { FormProblem } from '../../components/FormProblem';
import { PasswordField } from '../../components/PasswordField';
import { useFields } from '../../components/useFields';
import { useWait } from '../../components/useWait';
import { ForgottenPassword } from './ForgottenPassword';
import { NEW_ACCOUNT, NewAccountFields } from './NewAccountFields';
import { filledIn, newAccountErrors } from './newAccount';
import { passwordProblem } from './passwords';
import { invitationQuery } from './queries';
import { signInProblem } from './signIn';

type Details = { first_name?: string; last_name?: string; organization?: string | null; password?: string };

const accept = (token: string, body: Details = {}) =>
  answer(api.POST('/api/v1/invitations/{token}/accept', { params: { path: { token } }, body }));

/** Accepting, and what follows: the jobs, or another look at an invitation that is not what it was. */
function useAccept(token: string, act: () => Promise<User>) {
  const client = useQueryClient();
  const begin = useBeginSession();
  return useMutation({
    mutationFn: act,
    onSuccess: user => begin(user, '/jobs'),
    onError: error => {
      if (error instanceof ApiError && [401, 403, 404].includes(error.status)) {
        void client.invalidateQueries({ queryKey: invitationQuery(token).queryKey });
      }
    },
  });
}

export function NewAccountForm({ token, email }: { token: string; email: string }) {
  const { values, field } = useFields(NEW_ACCOUNT);
  const [wasTried, setTried] = useState(false);
  const joining = useAccept(token, () => accept(token, filledIn(values)));
  const errors = newAccountErrors(joining.error, values.password, wasTried);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (passwordProblem(values.password) === null) {
      joining.mutate();
    }
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text>Make your account to accept it.</Text>
        <FormProblem>{errors['']}</FormProblem>
        <InvitedAddress email={email} />
        <NewAccountFields field={field} errors={errors} otherSide="providers" />
        <Button type="submit" loading={joining.isPending}>
          Make the account and accept
        </Button>
      </Stack>
    </form>
  );
}

export function SignInForm({ token, email }: { token: string; email: string }) {
  const client = useQueryClient();
  const { values, field } = useFields({ password: '' });
  const joining = useAccept(token, async () => {
    const user = await answer(api.POST('/api/v1/login', { body: { email, ...values } }));
    try {
      return await accept(token);
    } catch (error) {
      // Signed in all the same: the page goes on from there.
      client.setQueryData(meQuery.queryKey, user);
      throw error;
    }
  });
  const wait = useWait(joining.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    joining.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text>You have an account with this address. Sign in to accept.</Text>
        <FormProblem>{signInProblem(joining.error, wait)}</FormProblem>
        <InvitedAddress email={email} />
        <PasswordField label="Password" autoComplete="current-password" autoFocus {...field('password')} />
        <Button type="submit" loading={joining.isPending} disabled={wait > 0}>
          Sign in and accept
        </Button>
        <ForgottenPassword />
      </Stack>
    </form>
  );
}

/** Read-only, but an input: password managers keep it with the password. */
function InvitedAddress({ email }: { email: string }) {
  return <TextInput label="E-mail" type="email" autoComplete="username" readOnly value={email} variant="filled" />;
}

export function AcceptButton({ token }: { token: string }) {
  const joining = useAccept(token, () => accept(token));
  return (
    <>
      <FormProblem>{signInProblem(joining.error)}</FormProblem>
      <Button onClick={() => joining.mutate()} loading={joining.isPending}>
        Accept
      </Button>
    </>
  );
}

/** Signs somebody out who is not the one it is for, and stays here. */
export function SwitchAccount({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const leaving = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/logout')),
    onSuccess: () => {
      // What this page shows stays; what the other account has read goes.
      client.removeQueries({ type: 'inactive' });
      client.setQueryData(meQuery.queryKey, null);
    },
  });
  return (
    <>
      <Text className="breakable">{children}</Text>
      <FormProblem>{signInProblem(leaving.error)}</FormProblem>
      <Button variant="default" onClick={() => leaving.mutate()} loading={leaving.isPending}>
        Sign out and go on
      </Button>
    </>
  );
}
