import { Button, Checkbox, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { getRouteApi, useRouter } from '@tanstack/react-router';
import { type FormEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { answer, api } from '../../api/client';
import { meQuery } from '../../api/queries';
import { useBeginSession } from '../../app/session';
import { FormProblem } from '../../components/FormProblem';
import { TextLink } from '../../components/Links';
import { PasswordField } from '../../components/PasswordField';
import { useFields } from '../../components/useFields';
import { useWait } from '../../components/useWait';
import { AccountPage } from './AccountPage';
import { ForgottenPassword } from './ForgottenPassword';
import { serverQuery } from './queries';
import { type Filled, isSentOn, readFragment, signInProblem } from './signIn';

const route = getRouteApi('/sign-in');

export function SignIn() {
  const filled = useFilledIn();
  return <SignInForm key={filled?.email} filled={filled} />;
}

function SignInForm({ filled }: { filled: Filled | null }) {
  const { next = '/' } = route.useSearch();
  const { data: me } = useQuery(meQuery);
  const { data: server } = useQuery(serverQuery);
  const { values, field } = useFields(filled ?? { email: '', password: '' });
  const [remember, setRemember] = useState(false);
  const password = useRef<HTMLInputElement>(null);
  const begin = useBeginSession();
  const signIn = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/login', { body: { ...values, remember } })),
    onSuccess: user => begin(user, next),
    onError: () => password.current?.select(),
  });
  const wait = useWait(signIn.error);
  useSentOn(signIn.isIdle && isSentOn(me, filled), next);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <AccountPage title="Sign in">
      <form onSubmit={submit}>
        <Stack>
          {filled && <Text c="var(--quiet)">Filled in from your link; press Sign in.</Text>}
          {filled && me && !isSentOn(me, filled) && (
            <Text c="var(--quiet)" className="breakable">
              You are signed in as {me.email}. Signing in here takes its place.
            </Text>
          )}
          <FormProblem>{signInProblem(signIn.error, wait)}</FormProblem>
          <TextInput
            label="E-mail"
            type="email"
            autoComplete="username"
            required
            withAsterisk={false}
            autoFocus={filled === null}
            {...field('email')}
          />
          <PasswordField ref={password} label="Password" autoComplete="current-password" {...field('password')} />
          <Checkbox
            label="Keep me signed in on this device"
            description="Otherwise you are signed out when you have not used this for a while, or closed the browser."
            checked={remember}
            onChange={event => setRemember(event.currentTarget.checked)}
          />
          <Button type="submit" loading={signIn.isPending} disabled={wait > 0} autoFocus={filled !== null}>
            Sign in
          </Button>
          {server?.signup === 'open' && (
            <Text>
              No account yet?{' '}
              <TextLink to="/sign-up" inherit underline="always">
                Sign up
              </TextLink>
            </Text>
          )}
          {server?.signup === 'invitation' && (
            <Text size="sm" c="var(--quiet)">
              No account yet? Your provider sends you a link to make one.
            </Text>
          )}
          <ForgottenPassword />
        </Stack>
      </form>
    </AccountPage>
  );
}

/** What a link fills in, also one that is opened while the page is: its password stays out of the history. */
function useFilledIn(): Filled | null {
  const [filled, setFilled] = useState(() => readFragment(location.hash));
  // Before the effect that leads on: the router takes either for a step of its own, and follows the last.
  useLayoutEffect(() => {
    const take = () => {
      const found = readFragment(location.hash);
      setFilled(before => found ?? before);
      if (location.hash !== '') {
        history.replaceState(history.state, '', location.pathname + location.search);
      }
    };
    take();
    addEventListener('hashchange', take);
    return () => removeEventListener('hashchange', take);
  }, []);
  return filled;
}

/** Leads somebody on who has no business here. */
function useSentOn(isSent: boolean, next: string) {
  const router = useRouter();
  useEffect(() => {
    if (isSent) {
      router.history.replace(next);
    }
  }, [isSent, next, router]);
}
