import { Button, Group, Modal, Select, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api, fieldErrors } from '../../api/client';
import type { ApiKey } from '../../api/types';
import { FormProblem } from '../../components/FormProblem';
import { useFocusBack } from '../../components/useFocusBack';
import { useStay } from '../../components/useStay';
import { exactTime } from '../../model/time';
import { endOfOldKey, OVERLAPS } from './expiry';
import { keysQuery } from './queries';
import { type RevealedKey, RevealKey } from './RevealKey';

/** Replaces a key: a new secret, and some time to bring it where the old one is used. */
export function RotateDialog({ apiKey, close }: { apiKey: ApiKey; close: () => void }) {
  useFocusBack();
  const [overlap, setOverlap] = useState('86400');
  const [revealed, setRevealed] = useState<RevealedKey | null>(null);
  const client = useQueryClient();
  const rotate = useMutation({
    mutationFn: () =>
      answer(
        api.POST('/api/v1/api-keys/{id}/rotate', {
          params: { path: { id: apiKey.id } },
          body: { overlap: Number(overlap) },
        }),
      ),
    onSuccess: key => {
      setRevealed(key);
      void client.invalidateQueries({ queryKey: keysQuery.queryKey });
    },
    gcTime: 0,
  });
  // An answer that nobody sees would be a secret lost.
  useStay(rotate.isPending);
  const leave = () => rotate.isPending || close();
  const end = endOfOldKey(apiKey, Number(overlap), new Date());
  if (revealed !== null) {
    return (
      <RevealKey revealed={revealed} close={close}>
        <Text>
          {overlap === '0'
            ? 'The old key has ended: programs that still use it are refused.'
            : `The old key goes on until ${exactTime(end)}. Put the new one in its place before.`}
        </Text>
      </RevealKey>
    );
  }
  const errors = rotate.isError ? fieldErrors(rotate.error, ['overlap']) : {};
  return (
    <Modal opened onClose={leave} title="Rotate this key?">
      <Stack>
        <Text className="breakable">
          You get a new key in place of <strong>{apiKey.note}</strong> (<span className="mono">{apiKey.prefix}…</span>
          ): the same note, the same rights
          {apiKey.expires_at === null ? ', and no end either' : ', and it ends after the same length of time'}.
        </Text>
        <FormProblem>{errors['']}</FormProblem>
        <Select
          label="How long does the old key go on?"
          description="So that running programs are not cut off before they have the new one."
          data={OVERLAPS}
          value={overlap}
          onChange={value => setOverlap(value ?? overlap)}
          allowDeselect={false}
          error={errors.overlap}
          data-autofocus
        />
        <Text size="sm" c="var(--quiet)">
          {overlap === '0' ? 'The old key ends at once.' : `The old key ends ${exactTime(end)}.`}
        </Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={leave} disabled={rotate.isPending}>
            Cancel
          </Button>
          <Button onClick={() => rotate.mutate()} loading={rotate.isPending}>
            Rotate
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
