import { Button, SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { StepFiguresItem } from '../../api/types';
import { ChartPanel } from '../../components/charts/ChartPanel';
import { Legend } from '../../components/charts/Legend';
import { type BarRow, Rows } from '../../components/charts/Rows';
import type { DataTable } from '../../components/charts/table';
import { Failed, Loading } from '../../components/States';
import { counted, readable } from '../../model/number';
import classes from './Analytics.module.css';
import { fileWords, type Question } from './filter';
import { stepFigures } from './queries';
import {
  failing,
  failsMost,
  percent,
  seconds,
  slowed,
  slowest,
  slowestInWords,
  timesInWords,
  turn,
  versionsInWords,
} from './words';

/** Which steps fail and which take long, and since which version. */
export function StepsPart({ question }: { question: Question }) {
  const steps = useQuery(stepFigures(question));
  if (steps.data === undefined) {
    return (
      <div className={classes.wide}>
        {steps.isError ? (
          <Failed error={steps.error} retry={() => void steps.refetch()} />
        ) : (
          <Loading label="Loading the steps" />
        )}
      </div>
    );
  }
  const { items, more } = steps.data;
  const file = fileWords(question);
  return (
    <>
      <Errors items={items} file={file} more={more} />
      <Times items={items} file={file} />
    </>
  );
}

type Props = { items: StepFiguresItem[]; file: (string | undefined)[]; more?: number };

const keyOf = ({ tag, step }: StepFiguresItem) => `${tag}/${step}`;

/** How many rows are shown until more are asked for. */
const FIRST = 6;

function Errors({ items, file, more = 0 }: Props) {
  const [order, setOrder] = useState('rate');
  const [chosen, choose] = useState<string>();
  const byRate = failing(items);
  const shown = order === 'rate' ? byRate : [...byRate].sort((a, b) => b.errors - a.errors);
  const looked = shown.find(item => keyOf(item) === chosen) ?? shown[0];
  const most = failsMost(items);
  const top = Math.max(...shown.map(item => (order === 'rate' ? (item.error_rate ?? 0) : item.errors)), 0);
  const rows = shown.map<BarRow>(item => ({
    key: keyOf(item),
    label: item.name,
    solid: order === 'rate' ? item.error_rate : item.errors,
    told: order === 'rate' ? percent(item.error_rate ?? 0) : readable(item.errors),
    aside: `of ${readable(item.errors + item.finished)}`,
    under: under(item),
  }));
  const table: DataTable = {
    columns: ['Configuration', 'Step', 'Finished', 'Errors', 'Error rate', 'Error rate before', 'Fails more since'],
    rows: items.map(item => [
      item.tag,
      item.name,
      item.finished,
      item.errors,
      item.error_rate,
      item.error_rate_before,
      turn(item.versions)?.version ?? null,
    ]),
  };
  return (
    <>
      <ChartPanel
        title="Errors by step"
        words={
          most === null ? (
            'No step has failed in this time.'
          ) : (
            <>
              <strong>{most.step}</strong>
              {most.rest}
              {more > 0 && ` ${counted(more, 'step')} with less to do are left out.`}
            </>
          )
        }
        controls={
          <SegmentedControl
            size="xs"
            aria-label="Errors in the order of"
            data={[
              { value: 'rate', label: 'Rate' },
              { value: 'number', label: 'Number' },
            ]}
            value={order}
            onChange={setOrder}
          />
        }
        table={table}
        file={file}
      >
        <Some
          rows={rows}
          label="Steps that fail"
          top={top}
          tone="error"
          chosen={looked && keyOf(looked)}
          choose={choose}
        />
      </ChartPanel>
      {looked !== undefined && (
        <div className={classes.beside}>
          <ErrorsByVersion item={looked} file={file} />
        </div>
      )}
    </>
  );
}

function under({ tag, versions, error_rate_before: before }: StepFiguresItem): string {
  const turned = turn(versions);
  const since = turned === null ? [] : [`more since ${turned.version}`];
  return [tag, ...since, ...(before === null ? [] : [`${percent(before)} in the period before`])].join(' · ');
}

function ErrorsByVersion({ item, file }: { item: StepFiguresItem; file: Props['file'] }) {
  const versions = item.versions.toReversed();
  return (
    <ChartPanel
      title={`${item.name}: errors by version`}
      words={versionsInWords(item)}
      table={{
        columns: ['Version', 'First seen', 'Finished', 'Errors', 'Error rate'],
        rows: versions.map(one => [one.version, one.first_seen, one.finished, one.errors, one.error_rate]),
      }}
      file={[item.tag, ...file]}
    >
      <Rows
        label={`Errors of ${item.name}, the newest version first`}
        tone="error"
        top={Math.max(...versions.map(one => one.error_rate ?? 0))}
        rows={versions.map(one => ({
          key: one.version,
          label: one.version,
          solid: one.error_rate,
          told: one.error_rate === null ? '–' : percent(one.error_rate),
          aside: `of ${readable(one.errors + one.finished)}`,
          under: one.first_seen === null ? undefined : `since ${day(one.first_seen)}`,
        }))}
      />
    </ChartPanel>
  );
}

function Times({ items, file }: Props) {
  const [chosen, choose] = useState<string>();
  const shown = slowest(items);
  const looked = shown.find(item => keyOf(item) === chosen) ?? shown[0];
  const longest = slowestInWords(items);
  const rows = shown.map<BarRow>(item => {
    const worse = slowed(item.versions);
    return {
      key: keyOf(item),
      label: item.name,
      solid: item.median,
      reach: item.p90,
      told: seconds(item.median ?? 0),
      aside: `· ${seconds(item.p90 ?? 0)}`,
      under: worse === null ? item.tag : `${item.tag} · slower since ${worse.version}`,
    };
  });
  return (
    <>
      <ChartPanel
        title="Time by step"
        words={
          longest === null ? (
            'No step has finished in this time.'
          ) : (
            <>
              <strong>{longest.step}</strong>
              {longest.rest}
            </>
          )
        }
        table={{
          columns: ['Configuration', 'Step', 'Runs', 'Median, s', '90 % within, s', 'Slower since'],
          rows: items.map(item => [
            item.tag,
            item.name,
            item.samples,
            item.median,
            item.p90,
            slowed(item.versions)?.version ?? null,
          ]),
        }}
        file={file}
      >
        <TimesLegend />
        <Some
          rows={rows}
          label="Steps by their time: the median, and what nine of ten take at most"
          top={Math.max(...shown.map(item => item.p90 ?? 0), 0)}
          chosen={looked && keyOf(looked)}
          choose={choose}
        />
      </ChartPanel>
      {looked !== undefined && (
        <div className={classes.beside}>
          <TimesByVersion item={looked} file={file} />
        </div>
      )}
    </>
  );
}

function TimesByVersion({ item, file }: { item: StepFiguresItem; file: Props['file'] }) {
  const versions = item.versions.toReversed();
  return (
    <ChartPanel
      title={`${item.name}: time by version`}
      words={timesInWords(item)}
      table={{
        columns: ['Version', 'First seen', 'Runs', 'Median, s', '90 % within, s'],
        rows: versions.map(one => [one.version, one.first_seen, one.samples, one.median, one.p90]),
      }}
      file={[item.tag, ...file]}
    >
      <TimesLegend />
      <Rows
        label={`Time of ${item.name}, the newest version first: the median, and what nine of ten take at most`}
        top={Math.max(...versions.map(one => one.p90 ?? 0))}
        rows={versions.map(one => ({
          key: one.version,
          label: one.version,
          solid: one.median,
          reach: one.p90,
          told: one.median === null ? '–' : seconds(one.median),
          aside: one.p90 === null ? undefined : `· ${seconds(one.p90)}`,
          under: counted(one.samples, 'run'),
        }))}
      />
    </ChartPanel>
  );
}

/** What the two ends of a bar of times are. */
function TimesLegend() {
  return (
    <Legend
      series={[
        { label: 'median', colour: 'var(--series-1)' },
        { label: '9 of 10 take at most', colour: 'var(--series-1)', isOutlined: true },
      ]}
    />
  );
}

type SomeProps = {
  rows: BarRow[];
  label: string;
  top: number;
  tone?: 'error';
  chosen: string | undefined;
  choose: (key: string) => void;
};

/** The first rows, and all of them when they are asked for. */
function Some({ rows, label, top, tone = undefined, chosen, choose }: SomeProps) {
  const [isWhole, setWhole] = useState(false);
  return (
    <>
      <Rows
        label={label}
        rows={isWhole ? rows : rows.slice(0, FIRST)}
        top={top}
        tone={tone ?? 'usual'}
        chosen={chosen}
        onChoose={choose}
      />
      {rows.length > FIRST && (
        <Button variant="subtle" color="gray" size="compact-sm" mt={4} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show fewer' : `Show all ${rows.length}`}
        </Button>
      )}
    </>
  );
}

function day(instant: string): string {
  return new Date(instant).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}
