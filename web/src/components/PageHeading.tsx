import { Group, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';

/** The heading of a page, which also names the browser's tab. */
export function PageHeading(props: { title: string; tab?: string; lead?: ReactNode; actions?: ReactNode }) {
  const { title, tab = title, lead, actions } = props;
  useEffect(() => {
    document.title = `${tab} · Milepost`;
  }, [tab]);
  return (
    <Group justify="space-between" align="flex-start" mb="md" gap="sm">
      <Stack gap={2} flex={{ base: '0 1 auto', sm: '1 1 0' }} miw={0}>
        <Title order={1} className="breakable">
          {title}
        </Title>
        {lead && (
          <Text component="div" c="var(--quiet)">
            {lead}
          </Text>
        )}
      </Stack>
      {actions && <Group gap="xs">{actions}</Group>}
    </Group>
  );
}
