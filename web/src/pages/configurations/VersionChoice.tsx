import { Group, NativeSelect } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import type { KnownVersion } from './queries';

type Props = { tag: string; version: string; compare: string | undefined; versions: KnownVersion[] };

/** Which version is shown, and which it is compared with. The address keeps both. */
export function VersionChoice({ tag, version, compare = '', versions }: Props) {
  const navigate = useNavigate();
  const show = (search: { version: string; compare?: string }) =>
    void navigate({ to: '/configurations/$tag', params: { tag }, search, resetScroll: false });
  const choices = versions.map((known, index) => ({
    value: known.version,
    label: index === 0 ? `${known.version} (newest)` : known.version,
  }));
  return (
    <Group gap="md" align="flex-end">
      <NativeSelect
        label="Version"
        data={choices}
        value={version}
        onChange={event => show({ version: event.currentTarget.value, compare })}
      />
      {versions.length > 1 && (
        <NativeSelect
          label="Compared with"
          data={[{ value: '', label: 'nothing' }, ...choices.filter(({ value }) => value !== version)]}
          value={compare === version ? '' : compare}
          onChange={event => show({ version, compare: event.currentTarget.value })}
        />
      )}
    </Group>
  );
}
