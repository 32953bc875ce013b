import '@mantine/dates/styles.css';
import { Text } from '@mantine/core';
import { DatePicker } from '@mantine/dates';

/** A day to come. Loaded only where somebody wants one: the calendar is large. */
export default function EndDate(props: { value: string | null; onChange: (value: string | null) => void }) {
  return (
    <div>
      <DatePicker
        aria-label="The last day"
        minDate={new Date()}
        maxDate={new Date(9990, 0)}
        maxLevel="year"
        hideOutsideDates
        ariaLabels={{ nextMonth: 'Next month', previousMonth: 'Previous month' }}
        // Weekends are days like others here, and Mantine's red for them is too pale to read.
        weekendDays={[]}
        {...props}
      />
      <Text size="sm" c="var(--quiet)" mt={4}>
        {props.value === null ? 'Choose the last day.' : `It ends when ${dayOf(props.value)} is over, where you are.`}
      </Text>
    </div>
  );
}

function dayOf(date: string): string {
  return new Date(`${date}T00:00:00`).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' });
}
