import { useClipboard } from '@mantine/hooks';
import type { Distribution, Measured } from '../../api/types';
import { shortAddress } from '../../components/address';
import { ExternalLink } from '../../components/ExternalLink';
import { readable, withUnits } from '../../model/number';
import { FoldedText } from './FoldedText';
import classes from './Measurement.module.css';
import { Spread } from './Spread';

/** Longer texts take a whole line. */
const WIDE = 28;

/** What a step measured, under its name. */
export function Measurement({ field, spread }: { field: Measured; spread: Distribution | undefined }) {
  const { name, kind, units, value } = field;
  const isWide = typeof value === 'string' && value.length > WIDE;
  return (
    <div className={classes.field} data-wide={isWide || undefined}>
      <dt>{name}</dt>
      <dd>
        <Value kind={kind} value={value} units={units} />
        {typeof value === 'number' && spread !== undefined && <Spread spread={upToDate(spread, value)} />}
      </dd>
    </div>
  );
}

function Value({ kind, value, units }: Pick<Measured, 'kind' | 'value' | 'units'>) {
  if (value === null || value === undefined) {
    return (
      <span className="quiet" title="Not measured">
        –
      </span>
    );
  }
  if (typeof value === 'number') {
    return <Figure value={value} units={units} />;
  }
  const text = String(value);
  if (kind === 'link') {
    return (
      <span title={text}>
        <ExternalLink href={text}>{shortAddress(text)}</ExternalLink>
      </span>
    );
  }
  return <FoldedText>{withUnits(text, units)}</FoldedText>;
}

/** A number is its own copy button: a page may show thousands of them. */
function Figure({ value, units }: { value: number; units: string | null }) {
  const exact = String(value);
  const { copy, copied } = useClipboard({ timeout: 1500 });
  return (
    <span className={classes.number}>
      <button type="button" className={classes.value} title={`${exact}: click to copy`} onClick={() => copy(exact)}>
        {readable(value)}
      </button>
      {units && <span className={classes.units}>{units}</span>}
      {copied && (
        <span className={classes.copied} role="status">
          Copied
        </span>
      )}
    </span>
  );
}

/** What the server said of an earlier value does not hold for this one; it is asked again, see `Steps`. */
function upToDate(spread: Distribution, value: number): Distribution {
  return spread.value === value ? spread : { ...spread, value, below: null };
}
