import { exactTime, roughly } from '../model/time';
import classes from './Silence.module.css';
import { useTicking } from './Time';

/** That nothing has come from a running job for longer than usual: stands beside its status. */
export function Silence({ since }: { since: string | null }) {
  return since === null ? null : <SilentFor since={since} />;
}

function SilentFor({ since }: { since: string }) {
  const told = useTicking(now => roughly(now.getTime() - new Date(since).getTime()));
  return (
    <span className={classes.silence} title={`Nothing has come since ${exactTime(new Date(since))}`}>
      <SilenceShape />
      Silent for {told}
    </span>
  );
}

/** A clock, for what is silent. */
export function SilenceShape() {
  return (
    <svg className={classes.shape} viewBox="0 0 16 16" aria-hidden="true">
      <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" strokeWidth="1.8" />
      <path d="M8 4.4V8l2.6 1.7" fill="none" stroke="currentColor" strokeWidth="1.8" />
    </svg>
  );
}
