import { Box, Button, Center, Skeleton, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';
import { isNotShown } from '../api/client';
import { ButtonLink } from './Links';

type EmptyProps = {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  /** Whether it stands in place of a whole page: then its title is the page's. */
  isPage?: boolean;
};

/** Nothing here yet: says what would be here, and what to do. */
export function Empty({ title, children, action, isPage = false }: EmptyProps) {
  useEffect(() => {
    if (isPage) {
      document.title = `${title} · Milepost`;
    }
  }, [title, isPage]);
  return (
    <Center py={48} px="md">
      <Stack align="center" gap="xs" maw={460}>
        <Title order={isPage ? 1 : 2} size="h2" ta="center">
          {title}
        </Title>
        <Text c="var(--quiet)" ta="center">
          {children}
        </Text>
        {action && <Box mt={4}>{action}</Box>}
      </Stack>
    </Center>
  );
}

/** What could not be read, and what to do about it. A 404 is also what one gets for what is no longer one's own. */
export function Failed(props: { error: unknown; retry: () => void; isPage?: boolean }) {
  const { error, retry, isPage = false } = props;
  if (isNotShown(error)) {
    return (
      <Empty
        title="Not available"
        isPage={isPage}
        action={
          isPage && (
            <ButtonLink to="/" variant="default">
              Back to the start
            </ButtonLink>
          )
        }
      >
        This does not exist, or it is not (or no longer) shared with you. If you expected to see it, ask whoever sent
        you here.
      </Empty>
    );
  }
  const message = error instanceof Error ? error.message : 'Something went wrong.';
  return (
    <Empty
      title="This could not be loaded"
      isPage={isPage}
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
