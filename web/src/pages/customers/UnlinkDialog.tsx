import { Button, Group, List, Modal, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { answer, api, fieldErrors } from '../../api/client';
import type { Customer } from '../../api/types';
import { notify } from '../../app/notify';
import { FormProblem } from '../../components/FormProblem';
import { useFocusBack } from '../../components/useFocusBack';
import { customerTitle } from './customer';
import { customerKeys } from './queries';

export function UnlinkDialog({ customer, close }: { customer: Customer; close: () => void }) {
  useFocusBack();
  const client = useQueryClient();
  const title = customerTitle(customer);
  const unlink = useMutation({
    mutationFn: () => answer(api.DELETE('/api/v1/customers/{id}', { params: { path: { id: customer.id } } })),
    onSuccess: async () => {
      notify({ message: `${title} is unlinked.` });
      close();
      await client.invalidateQueries({ queryKey: customerKeys.all });
    },
  });
  return (
    <Modal opened onClose={close} title="Unlink this customer?">
      <Stack>
        <Text className="breakable">
          <strong>{title}</strong>
          {title !== customer.email && ` (${customer.email})`}
        </Text>
        <List spacing={4}>
          {customer.status === 'invited' && <List.Item>The link you handed over stops working.</List.Item>}
          <List.Item>No new jobs can be opened for them.</List.Item>
          {customer.status === 'accepted' && (
            <List.Item>They no longer see the jobs of the past. You keep them all.</List.Item>
          )}
          <List.Item>Inviting the address again, and their accepting, brings everything back.</List.Item>
        </List>
        <FormProblem>{unlink.isError ? fieldErrors(unlink.error, [])[''] : null}</FormProblem>
        <Group justify="flex-end">
          <Button variant="default" onClick={close} data-autofocus>
            Cancel
          </Button>
          <Button color="red.9" onClick={() => unlink.mutate()} loading={unlink.isPending}>
            Unlink
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
