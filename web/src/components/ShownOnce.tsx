import { Button, Group, Modal, Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { useStay } from './useStay';

type Props = {
  title: string;
  /** What the one button says that ends it. */
  done: string;
  close: () => void;
  children: ReactNode;
};

/** A dialog of what is shown this once: neither a click beside it nor Escape nor going back takes it away. */
export function ShownOnce({ title, done, close, children }: Props) {
  useStay(true);
  return (
    <Modal
      opened
      onClose={close}
      title={title}
      size="lg"
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
    >
      <Stack>
        {children}
        <Group justify="flex-end">
          <Button onClick={close} data-autofocus>
            {done}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
