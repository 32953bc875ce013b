import { Button, CloseButton, Group, Loader, Popover } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconCalendar } from '@tabler/icons-react';
import { lazy, Suspense } from 'react';
import type { JobFilter } from '../../api/queries';
import { shortDay } from '../../model/time';
import { type Days, daysOf, instantsOf } from './filter';

const DayRange = lazy(() => import('./DayRange').then(module => ({ default: module.DayRange })));

type Props = { filter: JobFilter; onChange: (part: Pick<JobFilter, 'from' | 'to'>) => void };

/** Jobs opened from one day to another. The calendar is loaded when somebody wants it. */
export function OpenedFilter({ filter, onChange }: Props) {
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const days = daysOf(filter);
  const isSet = days.some(day => day !== null);
  return (
    <Group gap={0} wrap="nowrap">
      <Popover opened={isOpen} onChange={close} position="bottom-start" trapFocus returnFocus>
        <Popover.Target>
          <Button
            variant="default"
            leftSection={<IconCalendar size={16} />}
            fw={isSet ? 600 : 400}
            c={isSet ? undefined : 'var(--quiet)'}
            onClick={toggle}
            aria-expanded={isOpen}
          >
            {isSet ? `Opened ${inWords(days)}` : 'Opened'}
          </Button>
        </Popover.Target>
        <Popover.Dropdown aria-label="Opened from and to">
          <Suspense fallback={<Loader size="sm" m="lg" aria-label="Loading the calendar" />}>
            <DayRange
              days={days}
              onChange={next => {
                onChange(instantsOf(next));
                if (next.every(day => day !== null)) {
                  close();
                }
              }}
            />
          </Suspense>
        </Popover.Dropdown>
      </Popover>
      {isSet && (
        <CloseButton aria-label="Opened at any time" onClick={() => onChange({ from: undefined, to: undefined })} />
      )}
    </Group>
  );
}

function inWords([first, last]: Days): string {
  if (first !== null && last !== null) {
    return first === last ? shortDay(first) : `${shortDay(first)} – ${shortDay(last)}`;
  }
  return first !== null ? `since ${shortDay(first)}` : `until ${shortDay(last ?? '')}`;
}
