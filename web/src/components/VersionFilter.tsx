import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { versionsQuery } from '../pages/configurations/queries';

type Props = { tag: string; version: string | undefined; onChange: (version: string | undefined) => void };

/** One version of a configuration, or all of them. */
export function VersionFilter({ tag, version, onChange }: Props) {
  const { data = [] } = useQuery(versionsQuery(tag));
  const known = data.map(one => one.version);
  return (
    <Select
      w={125}
      aria-label="Version"
      placeholder="Version"
      data={[...new Set(version === undefined || known.includes(version) ? known : [version, ...known])]}
      value={version ?? null}
      onChange={value => onChange(value ?? undefined)}
      searchable
      clearable
      limit={200}
    />
  );
}
