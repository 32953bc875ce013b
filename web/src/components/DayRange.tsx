import '@mantine/dates/styles.css';
import { DatePicker } from '@mantine/dates';
import dayjs from 'dayjs';
import { useState } from 'react';
import type { Days } from '../model/days';

const LABELS = {
  nextMonth: 'Next month',
  previousMonth: 'Previous month',
  nextYear: 'Next year',
  previousYear: 'Previous year',
  nextDecade: 'Next decade',
  previousDecade: 'Previous decade',
};

/** A calendar for a first and a last day. */
export function DayRange({ days, onChange }: { days: Days; onChange: (days: Days) => void }) {
  const [picked, setPicked] = useState<Days>(days);
  const today = dayjs();
  const since = (count: number): [string, string] => [
    today.subtract(count - 1, 'day').format('YYYY-MM-DD'),
    today.format('YYYY-MM-DD'),
  ];
  const pick = (next: Days) => {
    setPicked(next);
    // A first day alone is half of what somebody is about to say.
    if (next[0] !== null && next[1] !== null) {
      onChange(next);
    }
  };
  return (
    <DatePicker
      type="range"
      allowSingleDateInRange
      hideOutsideDates
      weekendDays={[]}
      ariaLabels={LABELS}
      maxDate={today.format('YYYY-MM-DD')}
      defaultDate={picked[0] ?? undefined}
      value={picked}
      onChange={pick}
      presets={[
        { label: 'Today', value: since(1) },
        { label: 'Past 7 days', value: since(7) },
        { label: 'Past 30 days', value: since(30) },
        { label: 'Past 90 days', value: since(90) },
      ]}
    />
  );
}
