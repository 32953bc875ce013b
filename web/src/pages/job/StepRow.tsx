import type { Distribution, JobStep } from '../../api/types';
import { StatusShape } from '../../components/Status';
import { percent } from '../../components/segments';
import { Duration } from '../../components/Time';
import { clockTime } from '../../model/instant';
import { counted } from '../../model/number';
import { exactTime } from '../../model/time';
import { Measurement } from './Measurement';
import classes from './Steps.module.css';

const WORDS: Record<JobStep['status'], string> = {
  pending: 'To do',
  running: 'Under way',
  finished: 'Finished',
  error: 'Failed',
  skipped: 'Skipped',
};

type Props = { step: JobStep; number: number; spreads: Map<string, Distribution> | undefined };

/** One step: how it is, when, how long, and what it measured. */
export function StepRow({ step, number, spreads }: Props) {
  const isMeasured = step.status === 'finished' || step.metadata.some(field => field.value != null);
  return (
    <>
      <div className={classes.mark}>
        <StatusShape status={step.status} />
      </div>
      <div className={classes.body}>
        <div className={classes.line}>
          <h3 className={classes.name}>
            <span className="quiet">{number}</span> {step.name}
          </h3>
          <span className={classes.points}>{counted(step.points, 'point')}</span>
        </div>
        <div className={classes.facts}>
          <span className={classes.word}>
            {WORDS[step.status]}
            {step.status === 'running' && step.fraction > 0 && `, ${percent(step.fraction)}`}
          </span>
          <Start step={step} />
          {step.started_at !== null && <Took step={step} />}
          {step.attempts > 1 && <span className={classes.attempts}>{step.attempts} attempts</span>}
        </div>
        {isMeasured && step.metadata.length > 0 && (
          <dl className={classes.measured}>
            {step.metadata.map(field => (
              <Measurement key={field.name} field={field} spread={spreads?.get(field.name)} />
            ))}
          </dl>
        )}
      </div>
    </>
  );
}

function Start({ step }: { step: JobStep }) {
  if (step.started_at === null) {
    return null;
  }
  const at = new Date(step.started_at);
  const words = clockTime(at, new Date());
  if (!step.started_at_inferred) {
    return (
      <time dateTime={step.started_at} title={exactTime(at)}>
        {words}
      </time>
    );
  }
  return (
    <span className={classes.inferred} title={`${exactTime(at)}. ${INFERRED}`}>
      <span aria-hidden="true">≈ </span>
      <time dateTime={step.started_at}>{words}</time>
      <span className={classes.spoken}> (inferred: {INFERRED})</span>
    </span>
  );
}

const INFERRED = 'The start was not reported. It is taken to be the end of the step before.';

function Took({ step }: { step: JobStep }) {
  const isUnknown = step.started_at_inferred && step.started_at === step.finished_at;
  if (isUnknown || (step.finished_at === null && step.status !== 'running')) {
    return null;
  }
  return (
    <span className={step.started_at_inferred ? classes.inferred : undefined}>
      {step.started_at_inferred && <span aria-hidden="true">≈ </span>}
      <Duration from={step.started_at} to={step.finished_at} />
    </span>
  );
}
