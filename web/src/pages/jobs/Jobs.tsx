import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useState } from 'react';
import type { JobFilter } from '../../api/queries';
import { useMe } from '../../app/session';
import { PageHeading } from '../../components/PageHeading';
import { FilterBar } from './FilterBar';
import { readJobFilter } from './filter';
import { JobList } from './JobList';

const OpenJob = lazy(() => import('./OpenJob').then(module => ({ default: module.OpenJob })));

const route = getRouteApi('/signed-in/jobs');

export function Jobs() {
  // Not what else the address may hold: the API refuses names that it does not know.
  const filter = route.useSearch({ select: readJobFilter, structuralSharing: true });
  const me = useMe();
  const navigate = useNavigate();
  const [isOpening, setOpening] = useState(false);
  // `isSameStep`: a text that is being typed is one step of the history, not one for each letter.
  const onChange = useCallback(
    (next: JobFilter, isSameStep = false) => void navigate({ to: '/jobs', search: next, replace: isSameStep }),
    [navigate],
  );
  const isProvider = me.role === 'provider';
  const open = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setOpening(true)}>
      Open a job
    </Button>
  );
  return (
    <>
      <PageHeading title="Jobs" actions={isProvider && open} />
      <FilterBar filter={filter} onChange={onChange} isProvider={isProvider} />
      <JobList filter={filter} onChange={onChange} isProvider={isProvider} />
      {isOpening && (
        <Suspense>
          <OpenJob onClose={() => setOpening(false)} />
        </Suspense>
      )}
    </>
  );
}
