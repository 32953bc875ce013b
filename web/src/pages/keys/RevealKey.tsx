import { Button, Group, Modal, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import type { ApiKey } from '../../api/types';
import { useStay } from '../../components/useStay';
import { Verbatim } from '../../components/Verbatim';

export type RevealedKey = ApiKey & { key: string };

/** The secret, shown this once: neither a click beside it nor Escape nor going back takes it away. */
export function RevealKey({
  revealed,
  close,
  children,
}: {
  revealed: RevealedKey;
  close: () => void;
  children?: ReactNode;
}) {
  useStay(true);
  return (
    <Modal
      opened
      onClose={close}
      title="Copy your key now"
      size="lg"
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
    >
      <Stack>
        <Text className="breakable">
          This is the key <strong>{revealed.note}</strong>. It is shown this once: Milepost keeps no copy. Put it
          where your programs find it and other people do not.
        </Text>
        <Verbatim label="Copy the key" wrap>
          {revealed.key}
        </Verbatim>
        <Title order={3}>For a shell</Title>
        <Verbatim label="Copy the command" wrap>
          {`export MILEPOST_API_KEY=${revealed.key}`}
        </Verbatim>
        {children}
        <Group justify="flex-end">
          <Button onClick={close} data-autofocus>
            I have stored it
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
