import { Button, Divider, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import type { FormEvent } from 'react';
import { answer, api, fieldErrors } from '../../api/client';
import { meQuery } from '../../api/queries';
import type { User } from '../../api/types';
import { notify } from '../../app/notify';
import { useMe } from '../../app/session';
import { FormProblem } from '../../components/FormProblem';
import { PageHeading } from '../../components/PageHeading';
import { useFields } from '../../components/useFields';
import { ExportData } from './ExportData';
import { filledIn } from './newAccount';
import { PasswordForm } from './PasswordForm';

const ROLES: Record<User['role'], string> = {
  provider: 'provider: your programs report jobs, and your customers watch them',
  customer: 'customer: you watch the jobs that providers open for you',
};

export function Profile() {
  const me = useMe();
  return (
    <>
      <PageHeading title="Profile" />
      <Stack maw={460} gap="lg">
        <ProfileForm me={me} />
        <Divider />
        <Title order={2}>Password</Title>
        <PasswordForm me={me} />
        <Divider />
        <Title order={2}>Your data</Title>
        <ExportData />
      </Stack>
    </>
  );
}

function ProfileForm({ me }: { me: User }) {
  const { values, field } = useFields({
    first_name: me.first_name,
    last_name: me.last_name,
    organization: me.organization ?? '',
  });
  const client = useQueryClient();
  const router = useRouter();
  const change = useMutation({
    mutationFn: () => answer(api.PATCH('/api/v1/users/me', { body: filledIn(values) })),
    onSuccess: async user => {
      client.setQueryData(meQuery.queryKey, user);
      notify({ message: 'Your profile is saved.' });
      await router.invalidate();
    },
  });
  const errors = change.isError ? fieldErrors(change.error, ['first_name', 'last_name', 'organization']) : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text className="breakable">
          Signed in as <strong>{me.email}</strong>, {ROLES[me.role]}. The address belongs to the account and stays.
        </Text>
        <FormProblem>{errors['']}</FormProblem>
        <TextInput
          label="First name"
          autoComplete="given-name"
          required
          maxLength={200}
          error={errors.first_name}
          {...field('first_name')}
        />
        <TextInput
          label="Last name"
          autoComplete="family-name"
          required
          maxLength={200}
          error={errors.last_name}
          {...field('last_name')}
        />
        <TextInput
          label="Organization"
          description={`What ${me.role === 'provider' ? 'customers' : 'providers'} see first; empty for none.`}
          autoComplete="organization"
          maxLength={200}
          error={errors.organization}
          {...field('organization')}
        />
        <Button type="submit" loading={change.isPending} style={{ alignSelf: 'flex-start' }}>
          Save
        </Button>
      </Stack>
    </form>
  );
}
