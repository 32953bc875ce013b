import { Button, Tooltip } from '@mantine/core';
import { memo, useState } from 'react';
import type { Event, JobStep } from '../../api/types';
import { shortAddress } from '../../components/address';
import { ExternalLink } from '../../components/ExternalLink';
import { percent } from '../../components/segments';
import { clockTime } from '../../model/instant';
import { readable, withUnits } from '../../model/number';
import { duration, exactTime } from '../../model/time';
import { EventMark, KIND_WORDS } from './EventMark';
import { lateness } from './events';
import { FoldedText } from './FoldedText';
import classes from './Timeline.module.css';

/** An event that arrived so recently comes in with a short glow. */
const FRESH = 3_000;
/** More values than these are folded. */
const MANY = 12;

/** One event: what it says, of which step, and when. */
export const EventEntry = memo(function EventEntry({ event, step }: { event: Event; step: JobStep | undefined }) {
  const happened = new Date(event.occurred_at);
  const late = lateness(event);
  const metadata = Object.entries(event.event_metadata ?? {});
  const isFresh = Date.now() - Date.parse(event.created_at) < FRESH;
  return (
    <article className={classes.event} data-kind={event.kind} data-fresh={isFresh || undefined}>
      <EventMark kind={event.kind} />
      <div className={classes.content}>
        <div className={classes.line}>
          <span className={classes.kind}>{KIND_WORDS[event.kind]}</span>
          {event.tag !== null && <span className={classes.step}>{step?.name ?? event.tag}</span>}
          {event.fraction !== null && <span className={classes.fraction}>{percent(event.fraction)}</span>}
        </div>
        {event.name !== null && event.name !== '' && event.name !== step?.name && (
          <div className={classes.name}>
            <FoldedText>{event.name}</FoldedText>
          </div>
        )}
        {metadata.length > 0 && <Values values={metadata} step={step} />}
        {late !== null && (
          <div className={classes.late} title={`Arrived ${exactTime(new Date(event.created_at))}`}>
            arrived {duration(late)} later
          </div>
        )}
      </div>
      <Tooltip label={exactTime(happened)}>
        <time className={classes.time} dateTime={event.occurred_at}>
          {clockTime(happened, new Date())}
        </time>
      </Tooltip>
    </article>
  );
});

function Values({ values, step }: { values: [string, unknown][]; step: JobStep | undefined }) {
  const [isOpen, setOpen] = useState(false);
  const shown = isOpen ? values : values.slice(0, MANY);
  return (
    <>
      <dl className={classes.values}>
        {shown.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <PlainValue value={value} field={step?.metadata.find(known => known.name === name)} />
            </dd>
          </div>
        ))}
      </dl>
      {shown.length < values.length && (
        <Button variant="subtle" size="compact-xs" onClick={() => setOpen(true)}>
          {values.length - shown.length} more
        </Button>
      )}
    </>
  );
}

/** A value with its unit where the step defines the name, else as it came. */
function PlainValue({ value, field }: { value: unknown; field: JobStep['metadata'][number] | undefined }) {
  const units = field?.units ?? null;
  if (value === null) {
    return <span title="Not measured">–</span>;
  }
  if (typeof value === 'number') {
    return <span title={String(value)}>{withUnits(readable(value), units)}</span>;
  }
  if (field?.kind === 'link') {
    return <ExternalLink href={String(value)}>{shortAddress(String(value))}</ExternalLink>;
  }
  return <FoldedText>{withUnits(String(value), units)}</FoldedText>;
}
