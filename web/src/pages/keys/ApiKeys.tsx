import { Anchor, Button, Stack, Text, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { ApiKey } from '../../api/types';
import { useMe } from '../../app/session';
import { PageHeading } from '../../components/PageHeading';
import { Empty, Failed, Loading } from '../../components/States';
import { usePhone } from '../../components/usePhone';
import { CreateKeyDialog } from './CreateKeyDialog';
import { ExpireDialog } from './ExpireDialog';
import { splitKeys } from './expiry';
import { KeyCards, KeyTable } from './KeyRows';
import { keysQuery } from './queries';
import { RotateDialog } from './RotateDialog';

/** What is open over the list. */
type Open = { dialog: 'create' } | { dialog: 'rotate' | 'expire'; apiKey: ApiKey };

export function ApiKeys() {
  const me = useMe();
  const keys = useInfiniteQuery(keysQuery);
  const isPhone = usePhone();
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => setOpen(null);
  const rows = keys.data?.pages.flatMap(page => page.items) ?? [];
  const { working, expired } = splitKeys(rows, new Date());
  const Rows = isPhone ? KeyCards : KeyTable;
  const create = <Button onClick={() => setOpen({ dialog: 'create' })}>Create a key</Button>;
  return (
    <>
      <PageHeading
        title="API keys"
        lead={
          me.role === 'provider'
            ? 'What your programs send so that Milepost knows whose jobs they report.'
            : 'With a key your own programs can read the jobs opened for you.'
        }
        actions={rows.length > 0 && create}
      />
      {keys.isPending && <Loading />}
      {keys.isError && rows.length === 0 && <Failed error={keys.error} retry={() => void keys.refetch()} />}
      {keys.isSuccess && rows.length === 0 && <NoKeys create={create} isProvider={me.role === 'provider'} />}
      {working.length > 0 && (
        <Rows
          keys={working}
          rotate={apiKey => setOpen({ dialog: 'rotate', apiKey })}
          expire={apiKey => setOpen({ dialog: 'expire', apiKey })}
        />
      )}
      {rows.length > 0 && working.length === 0 && (
        <Text>All your keys have expired: requests with them are refused. Create a new one.</Text>
      )}
      {expired.length > 0 && (
        <Stack gap="xs" mt="xl">
          <Title order={2}>Expired</Title>
          <Rows keys={expired} />
        </Stack>
      )}
      {keys.hasNextPage && (
        <Button variant="default" mt="md" loading={keys.isFetchingNextPage} onClick={() => void keys.fetchNextPage()}>
          Show more
        </Button>
      )}
      {open?.dialog === 'create' && <CreateKeyDialog close={close} />}
      {open?.dialog === 'rotate' && <RotateDialog apiKey={open.apiKey} close={close} />}
      {open?.dialog === 'expire' && <ExpireDialog apiKey={open.apiKey} close={close} />}
    </>
  );
}

function NoKeys({ create, isProvider }: { create: ReactNode; isProvider: boolean }) {
  return (
    <Empty title="No keys yet" action={create}>
      {isProvider
        ? 'Your programs need one to report jobs. '
        : 'You need one only if a program of yours reads your jobs. '}
      The{' '}
      <Anchor href="/api/docs/" target="_blank" inherit underline="always">
        API reference
      </Anchor>{' '}
      says what can be done with it.
    </Empty>
  );
}
