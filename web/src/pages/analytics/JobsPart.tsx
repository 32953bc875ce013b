import { SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import type { JobFigures } from '../../api/types';
import { ChartPanel } from '../../components/charts/ChartPanel';
import { LineChart } from '../../components/charts/LineChart';
import { StackedBars } from '../../components/charts/StackedBars';
import { readable } from '../../model/number';
import classes from './Analytics.module.css';
import { fileWords, type Question } from './filter';
import { byConfiguration, byStatus, HEAD, partHeading, throughput } from './parts';
import { change, jobsInWords, longPart, openInWords, shortPart, throughputInWords } from './words';

type Props = { figures: JobFigures; question: Question };

/** The figures in short, and jobs over time. */
export function JobsPart({ figures, question }: Props) {
  const { parts, period } = figures;
  const file = fileWords(question);
  const ended = throughput(parts, period.by);
  return (
    <>
      <InShort figures={figures} file={file} />
      <Opened figures={figures} file={file} />
      <ChartPanel
        title="Throughput"
        words={throughputInWords(parts, figures.totals, period.by)}
        table={ended.table}
        file={file}
        hasPicture
      >
        <StackedBars label={`Jobs that ended a ${period.by}`} {...ended} tell={readable} />
      </ChartPanel>
      <ChartPanel
        title="Open jobs"
        words={openInWords(parts)}
        table={{ columns: [partHeading(period.by), 'Open'], rows: parts.map(part => [part.date, part.open]) }}
        file={file}
        hasPicture
      >
        <LineChart
          label={`Jobs open at the end of each ${period.by}`}
          places={parts.map(({ date }) => ({
            key: date,
            short: shortPart(date, period.by),
            title: longPart(date, period.by),
          }))}
          lines={[{ label: 'Open', colour: 'var(--series-1)', values: parts.map(part => part.open) }]}
          tell={readable}
        />
      </ChartPanel>
    </>
  );
}

type PartProps = { figures: JobFigures; file: (string | undefined)[] };

/** The figures of the period beside those of the one before. */
function InShort({ figures: { totals, totals_before: before }, file }: PartProps) {
  const rows = HEAD.map(({ name, label }) => [label, totals[name], before[name]]);
  return (
    <div className={classes.wide}>
      <ChartPanel title="In short" table={{ columns: ['Figure', 'Period', 'Period before'], rows }} file={file}>
        <dl className={classes.figures}>
          {HEAD.map(({ name, label, isBad }) => {
            const changed = change(totals[name], before[name]);
            const tone =
              !isBad || before.opened === 0 || changed === null || changed.direction === 'same'
                ? undefined
                : changed.direction === 'up'
                  ? 'bad'
                  : 'good';
            return (
              <div key={name}>
                <dt>{label}</dt>
                <dd>
                  <span className={classes.count}>{atAGlance(totals[name])}</span>
                  <span className={classes.change} data-tone={tone}>
                    {changed === null ? 'none before either' : <b>{changed.words}</b>}
                    {before[name] > 0 && ` · ${atAGlance(before[name])} before`}
                  </span>
                </dd>
              </div>
            );
          })}
        </dl>
      </ChartPanel>
    </div>
  );
}

/** Hours have four decimals, of which at a glance one is enough. */
function atAGlance(value: number): string {
  return readable(Math.round(value * 10) / 10);
}

function Opened({ figures: { parts, period, totals }, file }: PartProps) {
  const [kind, setKind] = useState('configuration');
  const chart = (kind === 'status' ? byStatus : byConfiguration)(parts, period.by);
  return (
    <div className={classes.wide}>
      <ChartPanel
        title={`Jobs a ${period.by}`}
        words={jobsInWords(parts, totals, period.by)}
        controls={
          <SegmentedControl
            size="xs"
            aria-label="Jobs by"
            data={[
              { value: 'configuration', label: 'By configuration' },
              { value: 'status', label: 'By status' },
            ]}
            value={kind}
            onChange={setKind}
          />
        }
        table={chart.table}
        file={[kind, ...file]}
        hasPicture
      >
        <StackedBars label={`Jobs opened a ${period.by}, by ${kind}`} {...chart} tell={readable} height={210} />
      </ChartPanel>
    </div>
  );
}
