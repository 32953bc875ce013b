import classes from './Charts.module.css';
import { Legend } from './Legend';
import { type Area, Plot } from './Plot';
import { bandPath, linePath, scaleBetween, scaleOfCounts } from './scale';
import type { Series } from './series';

/** A line through the places of the axis; null where nothing is known. `band`: from where to where most lie. */
export type Line = Series & { values: (number | null)[]; band?: ([low: number, high: number] | null)[] };

type Props = {
  label: string;
  places: { key: string; short: string; title: string }[];
  lines: Line[];
  tell: (value: number) => string;
  /** What the band is called. */
  bandLabel?: string;
  /** Whether the axis begins at zero, as for counts it must. */
  isFromZero?: boolean;
  height?: number;
};

/** So many places may have a dot each; beyond, the line is enough. */
const MOST_DOTS = 62;

/** Values over time. */
export function LineChart({ label, places, lines, tell, bandLabel, isFromZero = true, height }: Props) {
  const known = lines.flatMap(({ values, band = [] }) => [...values, ...band.flatMap(pair => pair ?? [])]);
  const numbers = known.filter(value => value !== null);
  const highest = Math.max(0, ...numbers);
  const scale = isFromZero ? scaleOfCounts(highest) : scaleBetween(Math.min(...numbers), Math.max(...numbers));
  const slots = places.map((place, index) => ({
    ...place,
    lines: lines.flatMap(({ label, colour, values, band }) => {
      const value = values[index] ?? null;
      const pair = band?.[index] ?? null;
      return [
        ...(value === null ? [] : [{ label, colour, value: tell(value) }]),
        ...(pair === null ? [] : [{ label: bandLabel ?? 'Range', value: `${tell(pair[0])} – ${tell(pair[1])}` }]),
      ];
    }),
  }));
  return (
    <>
      {lines.length > 1 && <Legend series={lines} />}
      <Plot label={label} slots={slots} scale={scale} tellTick={tell} {...(height !== undefined && { height })}>
        {area => lines.map(line => <Drawn key={line.label} line={line} area={area} />)}
      </Plot>
    </>
  );
}

function Drawn({ line: { values, band, colour }, area }: { line: Line; area: Area }) {
  const points = values.map((value, index) => (value === null ? null : { x: area.x(index), y: area.y(value) }));
  const isDotted = points.length <= MOST_DOTS;
  return (
    <>
      {band !== undefined && (
        <path
          className={classes.band}
          style={{ fill: colour }}
          d={bandPath(
            band.map((pair, index) => pair && { x: area.x(index), low: area.y(pair[0]), high: area.y(pair[1]) }),
          )}
        />
      )}
      <path className={classes.line} style={{ stroke: colour }} d={linePath(points)} />
      {isDotted &&
        points.map(
          point => point && <circle key={point.x} cx={point.x} cy={point.y} r={2.6} style={{ fill: colour }} />,
        )}
    </>
  );
}
