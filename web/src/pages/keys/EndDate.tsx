import '@mantine/dates/styles.css';
import { DateInput } from '@mantine/dates';

/** A day to come. Loaded only where somebody wants one: the calendar is large. */
export default function EndDate(props: { value: string | null; onChange: (value: string | null) => void }) {
  return (
    <DateInput
      label="Last day"
      description="It ends at the end of that day, your time."
      placeholder="31 Dec 2026"
      valueFormat="D MMM YYYY"
      minDate={new Date()}
      maxDate={new Date(9990, 0)}
      required
      {...props}
    />
  );
}
