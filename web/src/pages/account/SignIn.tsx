import { Alert, Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { type FormEvent, useEffect, useState } from 'react';
import { answer, api, fieldErrors } from '../../api/client';
import { useBeginSession } from '../../app/session';
import { AccountPage } from './AccountPage';

const route = getRouteApi('/sign-in');

export function SignIn() {
  const { next } = route.useSearch();
  const begin = useBeginSession();
  const [filled] = useState(readFragment);
  const [email, setEmail] = useState(filled.email);
  const [password, setPassword] = useState(filled.password);
  // The password of a filled-in link stays out of the address and its history.
  useEffect(() => history.replaceState(history.state, '', location.pathname + location.search), []);
  const signIn = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/login', { body: { email, password } })),
    onSuccess: user => begin(user, next),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <AccountPage title="Sign in">
      <form onSubmit={submit}>
        <Stack>
          {signIn.isError && (
            <Alert color="red" role="alert">
              {fieldErrors(signIn.error, [])['']}
            </Alert>
          )}
          <TextInput
            label="E-mail"
            type="email"
            autoComplete="username"
            required
            autoFocus
            value={email}
            onChange={event => setEmail(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            autoComplete="current-password"
            required
            value={password}
            onChange={event => setPassword(event.currentTarget.value)}
          />
          <Button type="submit" loading={signIn.isPending}>
            Sign in
          </Button>
          <Text size="sm" c="var(--quiet)">
            Forgotten your password? Ask whoever runs this server: they set a new one with{' '}
            <span className="mono">milepost user set-password</span>.
          </Text>
        </Stack>
      </form>
    </AccountPage>
  );
}

/** `#email=…&password=…`: what a link of the demo fills in. Browsers keep it from the server. */
function readFragment(): { email: string; password: string } {
  const fragment = new URLSearchParams(location.hash.slice(1));
  return { email: fragment.get('email') ?? '', password: fragment.get('password') ?? '' };
}
