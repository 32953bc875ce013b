import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { answer, api, fieldErrors } from '../../api/client';
import type { Customer } from '../../api/types';
import { FormProblem } from '../../components/FormProblem';
import { useFocusBack } from '../../components/useFocusBack';
import { useStay } from '../../components/useStay';
import { HandOver, type Invited } from './HandOver';
import { customerKeys } from './queries';

/** Invites somebody, or somebody again, and hands the link over. */
export function InviteDialog({ again, close }: { again?: Customer; close: () => void }) {
  useFocusBack();
  const [email, setEmail] = useState(again?.email ?? '');
  // The link is kept here only, and goes with the dialog.
  const [invited, setInvited] = useState<Invited | null>(null);
  const client = useQueryClient();
  const invite = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/customers', { body: { email } })),
    onSuccess: customer => {
      setInvited(customer);
      void client.invalidateQueries({ queryKey: customerKeys.all });
    },
    gcTime: 0,
  });
  // An answer that nobody sees would be a secret lost.
  useStay(invite.isPending);
  const leave = () => invite.isPending || close();
  if (invited !== null) {
    return <HandOver invited={invited} close={close} />;
  }
  const errors = invite.isError ? fieldErrors(invite.error, ['email']) : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    invite.mutate();
  };
  return (
    <Modal opened onClose={leave} title={again ? 'Invite again' : 'Invite a customer'}>
      <form onSubmit={submit}>
        <Stack>
          {again ? (
            <Text className="breakable">
              <strong>{again.email}</strong> gets a new link, good for 14 days. The link you handed over before stops
              working at once.
            </Text>
          ) : (
            <Text c="var(--quiet)">
              You get a link to hand over; Milepost sends no e-mail itself. They accept with this address, and see
              nothing but the jobs you open for them.
            </Text>
          )}
          <FormProblem>{errors['']}</FormProblem>
          {!again && (
            <TextInput
              label="Their e-mail address"
              type="email"
              required
              maxLength={254}
              data-autofocus
              autoComplete="off"
              value={email}
              onChange={event => setEmail(event.currentTarget.value)}
              error={errors.email}
            />
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={leave} disabled={invite.isPending}>
              Cancel
            </Button>
            <Button type="submit" loading={invite.isPending} data-autofocus={again !== undefined || undefined}>
              {again ? 'Make a new link' : 'Invite'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
