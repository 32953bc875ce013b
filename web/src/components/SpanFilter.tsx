import { Group, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { readSpan, SPAN_WORDS, type Span, type SpanChoice, type SpanName } from '../model/spans';

type Props = {
  choice: SpanChoice;
  /** What is meant where the address says nothing. */
  usual: SpanName;
  names: readonly SpanName[];
  /** The days that the choice is just now. */
  span: Span;
  onChange: (choice: SpanChoice) => void;
};

const OWN = 'own';

/** Which days a page is about: those of a name, or of one's own. */
export function SpanFilter({ choice, usual, names, span, onChange }: Props) {
  const isOwn = choice.period === undefined && (choice.from !== undefined || choice.to !== undefined);
  const choose = (value: string) => {
    const name = names.find(one => one === value);
    onChange(
      name === undefined
        ? { period: undefined, from: span.first ?? undefined, to: span.last ?? undefined }
        : { period: name === usual ? undefined : name, from: undefined, to: undefined },
    );
  };
  return (
    <Group gap="xs">
      <NativeSelect
        aria-label="Period"
        data={[
          ...names.map(name => ({ value: name, label: SPAN_WORDS[name] })),
          { value: OWN, label: 'From day to day …' },
        ]}
        value={isOwn ? OWN : (choice.period ?? usual)}
        onChange={event => choose(event.currentTarget.value)}
      />
      {isOwn && (
        <>
          <Day label="First day" choice={choice} end="from" onChange={onChange} />
          <Day label="Last day" choice={choice} end="to" onChange={onChange} />
        </>
      )}
    </Group>
  );
}

type DayProps = { label: string; choice: SpanChoice; end: 'from' | 'to'; onChange: Props['onChange'] };

/** A day, taken over when it is one: a year that is being typed is that of Caesar at first. */
function Day({ label, choice, end, onChange }: DayProps) {
  const known = choice[end] ?? '';
  const [typed, type] = useState(known);
  const [before, remember] = useState(known);
  if (before !== known) {
    remember(known);
    type(known);
  }
  const next = { period: undefined, from: choice.from, to: choice.to, [end]: typed || undefined };
  const read = readSpan(next, []);
  const isRefused = typed !== '' && read[end] === undefined;
  const change = (value: string) => {
    type(value);
    const changed = readSpan({ ...next, [end]: value }, []);
    if (changed[end] !== undefined) {
      onChange(changed);
    }
  };
  return (
    <TextInput
      type="date"
      aria-label={label}
      error={isRefused ? 'Not a day, or out of order' : undefined}
      value={typed}
      onChange={event => change(event.currentTarget.value)}
    />
  );
}
