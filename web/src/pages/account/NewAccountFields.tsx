import { SimpleGrid, TextInput } from '@mantine/core';
import type { ChangeEvent } from 'react';
import { PasswordField } from '../../components/PasswordField';
import { LONGEST_PASSWORD, PASSWORD_RULE } from './passwords';

export const NEW_ACCOUNT = { first_name: '', last_name: '', organization: '', password: '' };

type Props = {
  field: (name: keyof typeof NEW_ACCOUNT) => {
    name: string;
    value: string;
    onChange: (event: ChangeEvent<HTMLInputElement>) => void;
  };
  errors: Record<string, string>;
  /** Who the organization is shown to. */
  otherSide: string;
};

/** What everybody says of themselves who makes an account. */
export function NewAccountFields({ field, errors, otherSide }: Props) {
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
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
      </SimpleGrid>
      <TextInput
        label="Organization"
        description={`What ${otherSide} see first. Leave it empty if you act for yourself.`}
        autoComplete="organization"
        maxLength={200}
        error={errors.organization}
        {...field('organization')}
      />
      <PasswordField
        label="Password"
        description={PASSWORD_RULE}
        autoComplete="new-password"
        withAsterisk
        maxLength={2 * LONGEST_PASSWORD}
        error={errors.password}
        {...field('password')}
      />
    </>
  );
}
