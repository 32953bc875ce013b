import type { Configuration } from '../../api/types';
import { Share } from './SharesBar';
import classes from './Steps.module.css';
import { sharesOf } from './shares';

type Step = Configuration['step_configurations'][number];

/** The steps in order: what each is worth and what it measures. */
export function Steps({ steps }: { steps: Step[] }) {
  const shares = sharesOf(steps);
  if (steps.length === 0) {
    return <p className="quiet">No steps: its jobs have no progress until they are complete.</p>;
  }
  return (
    <div className={classes.frame}>
      <div className={classes.head} aria-hidden="true">
        <span className={classes.number}>#</span>
        <span>Step</span>
        <span className={classes.number}>Points</span>
        <span>Share</span>
        <span>What it measures</span>
      </div>
      <ol className={classes.list}>
        {steps.map((step, index) => (
          <li key={step.id} className={classes.row}>
            <span className={`${classes.number} ${classes.place} quiet`}>{index + 1}</span>
            <div className={classes.name}>
              <span className="breakable">{step.name}</span>
              <span className="mono quiet breakable">{step.tag}</span>
            </div>
            <span className={classes.number}>
              {step.points.toLocaleString('en')}{' '}
              <span className={classes.label}>{step.points === 1 ? 'point' : 'points'}</span>
            </span>
            <div className={classes.share}>
              <Share share={shares[index] ?? 0} />
            </div>
            <Metadata fields={step.metadata_configurations} />
          </li>
        ))}
      </ol>
    </div>
  );
}

function Metadata({ fields }: { fields: Step['metadata_configurations'] }) {
  if (fields.length === 0) {
    return <span className={`${classes.metadata} quiet`}>–</span>;
  }
  return (
    <ul className={`${classes.metadata} ${classes.fields}`}>
      {fields.map(field => (
        <li key={field.id} className="breakable">
          {field.name}{' '}
          <span className="quiet">
            {field.kind}
            {field.units && `, ${field.units}`}
          </span>
        </li>
      ))}
    </ul>
  );
}
