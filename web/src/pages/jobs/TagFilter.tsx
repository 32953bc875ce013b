import { Select } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { jobKeys } from '../../api/queries';
import type { JobPages } from '../../live/lists';
import { tagChoices } from '../configurations/queries';

type Props = { tag: string | undefined; onChange: (tag: string | undefined) => void; isProvider: boolean };

/** Jobs of one kind. Providers choose among all they have registered, customers among what they see. */
export function TagFilter({ tag, onChange, isProvider }: Props) {
  const client = useQueryClient();
  const [isWanted, setWanted] = useState(false);
  const [seen, setSeen] = useState<string[]>([]);
  const configurations = useQuery({ ...tagChoices, enabled: isProvider && isWanted });
  const known = isProvider ? (configurations.data ?? []).map(configuration => configuration.tag) : seen;
  const open = () => {
    setWanted(true);
    setSeen(seenTags(client.getQueriesData<JobPages>({ queryKey: jobKeys.lists }).map(([, lists]) => lists)));
  };
  return (
    <Select
      w={125}
      aria-label="Tag"
      placeholder="Tag"
      data={[...new Set(tag === undefined ? known : [tag, ...known])].sort()}
      value={tag ?? null}
      onChange={value => onChange(value ?? undefined)}
      onDropdownOpen={open}
      nothingFoundMessage={configurations.isFetching ? 'Loading …' : 'No such tag'}
      comboboxProps={{ width: 240, position: 'bottom-start' }}
      searchable
      clearable
      limit={200}
    />
  );
}

function seenTags(lists: (JobPages | undefined)[]): string[] {
  return lists.flatMap(list => list?.pages.flatMap(page => page.items.map(job => job.tag)) ?? []);
}
