import { Button } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api, fieldErrors } from '../../api/client';
import type { Session } from '../../api/types';
import { notify } from '../../app/notify';
import { PageHeading } from '../../components/PageHeading';
import { Failed, Loading } from '../../components/States';
import { usePhone } from '../../components/usePhone';
import { deviceName } from './device';
import { EndOthersDialog } from './EndOthersDialog';
import { sessionsQuery } from './queries';
import { SessionCards, SessionTable } from './SessionRows';

/** Where one is signed in. */
export function Sessions() {
  const sessions = useInfiniteQuery({ ...sessionsQuery, refetchInterval: 30_000 });
  const isPhone = usePhone();
  const [isEndingOthers, setEndingOthers] = useState(false);
  const end = useEndSession();
  const rows = sessions.data?.pages.flatMap(page => page.items) ?? [];
  const others = rows.filter(session => !session.current);
  const Rows = isPhone ? SessionCards : SessionTable;
  return (
    <>
      <PageHeading
        title="Sessions"
        lead="Where you are signed in with your password. If you do not know one of them, end it and change your password."
        actions={
          others.length > 0 && (
            <Button variant="default" onClick={() => setEndingOthers(true)}>
              End all others
            </Button>
          )
        }
      />
      {sessions.isPending && <Loading />}
      {sessions.isError && rows.length === 0 && (
        <Failed error={sessions.error} retry={() => void sessions.refetch()} />
      )}
      {rows.length > 0 && (
        <Rows
          sessions={rows}
          end={session => end.mutate(session)}
          ending={end.isPending ? end.variables.id : undefined}
        />
      )}
      {sessions.hasNextPage && (
        <Button
          variant="default"
          mt="md"
          loading={sessions.isFetchingNextPage}
          onClick={() => void sessions.fetchNextPage()}
        >
          Show more
        </Button>
      )}
      {isEndingOthers && <EndOthersDialog close={() => setEndingOthers(false)} />}
    </>
  );
}

function useEndSession() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (session: Session) =>
      answer(api.DELETE('/api/v1/sessions/{id}', { params: { path: { id: session.id } } })),
    onSuccess: session => notify({ message: `The session of ${deviceName(session.user_agent)} has ended.` }),
    onError: error => notify({ color: 'red', message: fieldErrors(error, [])[''] ?? error.message }),
    // One that has ended by itself meanwhile goes from the list, too.
    onSettled: () => client.invalidateQueries({ queryKey: sessionsQuery.queryKey }),
  });
}
