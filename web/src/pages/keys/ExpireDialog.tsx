import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { answer, api, fieldErrors } from '../../api/client';
import type { ApiKey } from '../../api/types';
import { notify } from '../../app/notify';
import { FormProblem } from '../../components/FormProblem';
import { Time } from '../../components/Time';
import { useFocusBack } from '../../components/useFocusBack';
import { keysQuery } from './queries';

export function ExpireDialog({ apiKey, close }: { apiKey: ApiKey; close: () => void }) {
  useFocusBack();
  const client = useQueryClient();
  const expire = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/api-keys/{id}/expire', { params: { path: { id: apiKey.id } } })),
    onSuccess: async () => {
      notify({ message: `The key “${apiKey.note}” has ended.` });
      close();
      await client.invalidateQueries({ queryKey: keysQuery.queryKey });
    },
  });
  return (
    <Modal opened onClose={close} title="Expire this key now?">
      <Stack>
        <Text className="breakable">
          <strong>{apiKey.note}</strong> (<span className="mono">{apiKey.prefix}…</span>), last used{' '}
          <Time at={apiKey.last_used_at} fallback="never" />.
        </Text>
        <Text>
          Programs that use it are refused from now on. This cannot be undone. To replace a key without an
          interruption, rotate it.
        </Text>
        <FormProblem>{expire.isError ? fieldErrors(expire.error, [])[''] : null}</FormProblem>
        <Group justify="flex-end">
          <Button variant="default" onClick={close} data-autofocus>
            Cancel
          </Button>
          <Button color="red.9" onClick={() => expire.mutate()} loading={expire.isPending}>
            Expire now
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
