import type { Distribution, Measured } from '../../api/types';
import { shortAddress } from '../../components/address';
import { Copy } from '../../components/Copy';
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

function Figure({ value, units }: { value: number; units: string | null }) {
  const exact = String(value);
  return (
    <span className={classes.number}>
      <span className={classes.value} title={exact}>
        {readable(value)}
      </span>
      {units && <span className={classes.units}>{units}</span>}
      <span className={classes.copy}>
        <Copy value={exact} label="Copy the number with every digit" />
      </span>
    </span>
  );
}

/** What the server said of an earlier value does not hold for this one; it is asked again, see `Steps`. */
function upToDate(spread: Distribution, value: number): Distribution {
  return spread.value === value ? spread : { ...spread, value, below: null };
}
