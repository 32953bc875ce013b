import { Button, Group, NativeSelect } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useMe } from '../../app/session';
import { PageHeading } from '../../components/PageHeading';
import { PeriodFilter } from '../../components/PeriodFilter';
import { Empty, Failed, Loading } from '../../components/States';
import { usePhone } from '../../components/usePhone';
import { AuditCards, AuditTable } from './AuditRows';
import { auditQuery } from './queries';
import { type AuditFilter, GROUPS } from './words';

const route = getRouteApi('/signed-in/audit-log');

/** Who did what with the account and what belongs to it. */
export function AuditLog() {
  const me = useMe();
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const log = useInfiniteQuery(auditQuery(filter));
  const isPhone = usePhone();
  const change = (part: AuditFilter) => void navigate({ search: { ...filter, ...part } });
  const isFiltered = Object.values(filter).some(value => value !== undefined);
  const entries = log.data?.pages.flatMap(page => page.items) ?? [];
  const Rows = isPhone ? AuditCards : AuditTable;
  return (
    <>
      <PageHeading
        title="Audit log"
        lead={
          me.role === 'provider'
            ? 'Who did what with your account, keys, customers and jobs. Nothing in it can be changed.'
            : 'Who did what with your account. Nothing in it can be changed.'
        }
      />
      <Group component="search" aria-label="Audit log" gap="xs" mb="sm">
        <NativeSelect
          aria-label="What"
          data={[{ value: '', label: 'Everything' }, ...GROUPS.map(({ value, label }) => ({ value, label }))]}
          value={filter.group ?? ''}
          onChange={event => change({ group: event.currentTarget.value || undefined })}
        />
        <PeriodFilter label="When" period={filter} onChange={change} />
      </Group>
      {log.isPending && <Loading />}
      {log.isError && entries.length === 0 && <Failed error={log.error} retry={() => void log.refetch()} />}
      {log.isSuccess && entries.length === 0 && (
        <Empty title={isFiltered ? 'Nothing of this kind' : 'Nothing yet'}>
          {isFiltered ? 'Choose another kind or time.' : 'What is done from now on is written down here.'}
        </Empty>
      )}
      {entries.length > 0 && <Rows entries={entries} readerId={me.id} />}
      {log.hasNextPage && (
        <Button variant="default" mt="md" loading={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
          Show more
        </Button>
      )}
    </>
  );
}
