import { Button, Center, Skeleton, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { isNotShown } from '../api/client';

/** Nothing here yet: says what would be here, and what to do. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <Center py={48} px="md">
      <Stack align="center" gap="xs" maw={460}>
        <Title order={2} ta="center">
          {title}
        </Title>
        <Text c="var(--quiet)" ta="center">
          {children}
        </Text>
        {action}
      </Stack>
    </Center>
  );
}

/** What could not be read, and what to do about it. A 404 is also what one gets for what is no longer one's own. */
export function Failed({ error, retry }: { error: unknown; retry: () => void }) {
  if (isNotShown(error)) {
    return (
      <Empty title="Not available">
        This does not exist, or it is not (or no longer) shared with you. If you expected to see it, ask whoever sent
        you here.
      </Empty>
    );
  }
  const message = error instanceof Error ? error.message : 'Something went wrong.';
  return (
    <Empty
      title="This could not be loaded"
      action={
        <Button variant="default" onClick={retry}>
          Try again
        </Button>
      }
    >
      {message}
    </Empty>
  );
}

/** Something is on its way: lines where it will be. */
export function Loading({ lines = 6, label = 'Loading' }: { lines?: number; label?: string }) {
  const widths = Array.from({ length: lines }, (_, line) => 95 - ((line * 17) % 35));
  return (
    <Stack gap="sm" py="md" role="status" aria-label={label}>
      {widths.map((width, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines have no other identity and never move
        <Skeleton key={line} height={16} width={`${width}%`} />
      ))}
    </Stack>
  );
}
