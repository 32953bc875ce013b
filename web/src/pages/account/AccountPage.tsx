import { Box, Center, Paper, Stack, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';
import { Logo } from '../../app/Logo';

/** The frame of the pages for those who are not signed in. */
export function AccountPage({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Milepost`;
  }, [title]);
  return (
    <Box component="main" mih="100dvh" p="md">
      <Center pt={{ base: 'md', sm: '10vh' }}>
        <Stack w="100%" maw={400} gap="lg">
          <Logo />
          <Paper p="lg">
            <Stack>
              <Title order={1}>{title}</Title>
              {children}
            </Stack>
          </Paper>
        </Stack>
      </Center>
    </Box>
  );
}
