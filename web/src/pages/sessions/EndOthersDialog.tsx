import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { answer, api, fieldErrors } from '../../api/client';
import { notify } from '../../app/notify';
import { FormProblem } from '../../components/FormProblem';
import { useFocusBack } from '../../components/useFocusBack';
import { sessionsQuery } from './queries';

export function EndOthersDialog({ close }: { close: () => void }) {
  useFocusBack();
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: () => answer(api.DELETE('/api/v1/sessions')),
    onSuccess: async ({ ended }) => {
      notify({ message: ended === 1 ? 'The other session has ended.' : `${ended} other sessions have ended.` });
      close();
      await client.invalidateQueries({ queryKey: sessionsQuery.queryKey });
    },
  });
  return (
    <Modal opened onClose={close} title="End all other sessions?">
      <Stack>
        <Text>You stay signed in here. Everywhere else you have to sign in again. API keys go on as they are.</Text>
        <FormProblem>{end.isError ? fieldErrors(end.error, [])[''] : null}</FormProblem>
        <Group justify="flex-end">
          <Button variant="default" onClick={close} data-autofocus>
            Cancel
          </Button>
          <Button color="red.9" onClick={() => end.mutate()} loading={end.isPending}>
            End all others
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
