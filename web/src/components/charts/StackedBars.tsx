import { useId } from 'react';
import classes from './Charts.module.css';
import { Legend } from './Legend';
import { type Area, Plot } from './Plot';
import { scaleOfCounts, stack } from './scale';
import type { Series } from './series';

/** A bar: `values` has one for each series. */
export type Bar = { key: string; short: string; title: string; values: number[] };

type Props = {
  label: string;
  bars: Bar[];
  series: Series[];
  tell: (value: number) => string;
  height?: number;
  labelRoom?: number;
};

/** Counts over time, or by size, one series on the other. */
export function StackedBars({ label, bars, series, tell, height, labelRoom }: Props) {
  const hatch = useId();
  const sums = bars.map(({ values }) => values.reduce((sum, value) => sum + value, 0));
  const slots = bars.map(({ key, short, title, values }, index) => ({
    key,
    short,
    title,
    lines: [
      ...(series.length > 1 ? [{ label: 'Together', value: tell(sums[index] ?? 0) }] : []),
      ...series.flatMap(({ label, colour }, place) => {
        const value = values[place] ?? 0;
        return value === 0 && series.length > 1 ? [] : [{ label, value: tell(value), colour }];
      }),
    ],
  }));
  const draw = (area: Area) => {
    const width = Math.max(1, Math.min(34, area.slot * 0.74));
    return bars.map((bar, index) =>
      stack(bar.values).map(({ series: place, from, to }) => {
        const one = series[place];
        return (
          <rect
            key={`${bar.key} ${one?.label}`}
            className={classes.part}
            x={area.x(index) - width / 2}
            y={area.y(to)}
            width={width}
            height={Math.max(1, area.y(from) - area.y(to))}
            fill={one?.isHatched ? `url(#${hatch}${place})` : one?.colour}
          />
        );
      }),
    );
  };
  return (
    <>
      {series.length > 1 && <Legend series={series} />}
      <Plot
        label={label}
        slots={slots}
        scale={scaleOfCounts(Math.max(0, ...sums))}
        tellTick={tell}
        {...(height !== undefined && { height })}
        {...(labelRoom !== undefined && { labelRoom })}
      >
        {area => (
          <>
            <defs>
              {series.map(
                ({ label, colour, isHatched }, place) =>
                  isHatched && (
                    <pattern
                      key={label}
                      id={`${hatch}${place}`}
                      width="5"
                      height="5"
                      patternUnits="userSpaceOnUse"
                      patternTransform="rotate(45)"
                    >
                      <rect width="5" height="5" fill="var(--panel)" />
                      <rect width="3.6" height="5" fill={colour} />
                    </pattern>
                  ),
              )}
            </defs>
            {draw(area)}
          </>
        )}
      </Plot>
    </>
  );
}
