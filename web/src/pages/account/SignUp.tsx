import { Button, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { answer, api } from '../../api/client';
import type { Role } from '../../api/types';
import { useBeginSession } from '../../app/session';
import { FormProblem } from '../../components/FormProblem';
import { TextLink } from '../../components/Links';
import { Failed, Loading } from '../../components/States';
import { useFields } from '../../components/useFields';
import { AccountPage } from './AccountPage';
import { NEW_ACCOUNT, NewAccountFields } from './NewAccountFields';
import { filledIn, newAccountErrors } from './newAccount';
import { passwordProblem } from './passwords';
import { serverQuery } from './queries';

export function SignUp() {
  const server = useQuery(serverQuery);
  return (
    <AccountPage title="Sign up">
      {server.isPending && <Loading lines={4} />}
      {server.isError && server.data === undefined && (
        <Failed error={server.error} retry={() => void server.refetch()} />
      )}
      {server.data?.signup === 'open' && <SignUpForm />}
      {server.data?.signup === 'invitation' && (
        <>
          <Text>Accounts are made by invitation here.</Text>
          <Text>
            Customers get a link from their provider. Providers ask whoever runs this server for an account.
          </Text>
        </>
      )}
      <Text>
        You have an account?{' '}
        <TextLink to="/sign-in" inherit underline="always">
          Sign in
        </TextLink>
      </Text>
    </AccountPage>
  );
}

function SignUpForm() {
  const [role, setRole] = useState<Role>('provider');
  const { values, field } = useFields({ email: '', ...NEW_ACCOUNT });
  const [wasTried, setTried] = useState(false);
  const begin = useBeginSession();
  const signUp = useMutation({
    mutationFn: async () => {
      await answer(api.POST('/api/v1/users', { body: { ...filledIn(values), role } }));
      return answer(api.POST('/api/v1/login', { body: { email: values.email, password: values.password } }));
    },
    onSuccess: user => begin(user, user.role === 'provider' ? '/getting-started' : '/jobs'),
  });
  const errors = newAccountErrors(signUp.error, values.password, wasTried);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (passwordProblem(values.password) === null) {
      signUp.mutate();
    }
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <FormProblem>{errors['']}</FormProblem>
        <Radio.Group label="You are" value={role} onChange={value => setRole(value as Role)}>
          <Stack gap="xs" mt={6}>
            <Radio
              value="provider"
              label="A provider"
              description="Your programs do the work. You report how jobs get on, and let customers watch theirs."
            />
            <Radio
              value="customer"
              label="A customer"
              description="Somebody works for you. You watch the jobs that they open for you."
            />
          </Stack>
        </Radio.Group>
        <TextInput
          label="E-mail"
          type="email"
          autoComplete="username"
          required
          maxLength={254}
          error={errors.email}
          {...field('email')}
        />
        <NewAccountFields field={field} errors={errors} otherSide={role === 'provider' ? 'customers' : 'providers'} />
        <Button type="submit" loading={signUp.isPending}>
          Sign up
        </Button>
      </Stack>
    </form>
  );
}
