import { ActionIcon, Menu } from '@mantine/core';
import { IconArrowsSort, IconCheck } from '@tabler/icons-react';
import type { JobSort } from '../../api/types';
import { SORTS } from './filter';

type Props = { className?: string | undefined; sort: JobSort | undefined; onChange: (sort: JobSort) => void };

/** The order of the list, where not all of its columns have the room for a heading that sorts. */
export function OrderMenu({ className, sort = '-created_at', onChange }: Props) {
  const current = SORTS.find(known => known.sort === sort)?.label ?? '';
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon className={className} variant="default" size={36} aria-label={`Order: ${current}`} title="Order">
          <IconArrowsSort size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {SORTS.map(({ sort: one, label }) => (
          <Menu.Item
            key={one}
            role="menuitemradio"
            aria-checked={one === sort}
            rightSection={one === sort && <IconCheck size={14} aria-hidden="true" />}
            onClick={() => onChange(one)}
          >
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
