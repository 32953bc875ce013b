import { Button, CloseButton, Group, Loader, Popover } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconCalendar } from '@tabler/icons-react';
import { lazy, Suspense } from 'react';
import { type Days, daysOf, instantsOf, type Period } from '../model/days';
import { shortDay } from '../model/time';

const DayRange = lazy(() => import('./DayRange').then(module => ({ default: module.DayRange })));

type Props = { label: string; period: Period; onChange: (period: Period) => void };

/** What happened from one day to another. The calendar is loaded when somebody wants it. */
export function PeriodFilter({ label, period, onChange }: Props) {
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const days = daysOf(period);
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
            {isSet ? `${label} ${inWords(days)}` : label}
          </Button>
        </Popover.Target>
        <Popover.Dropdown aria-label={`${label} from and to`}>
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
        <CloseButton
          aria-label={`${label} at any time`}
          onClick={() => onChange({ from: undefined, to: undefined })}
        />
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
