import { Group, NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { FieldFigures, Unit } from '../../api/types';
import { ChartPanel } from '../../components/charts/ChartPanel';
import { LineChart } from '../../components/charts/LineChart';
import { StackedBars } from '../../components/charts/StackedBars';
import { Failed, Loading } from '../../components/States';
import { counted, readable, withUnits } from '../../model/number';
import { configurationQuery, tagChoices } from '../configurations/queries';
import classes from './Analytics.module.css';
import { fileWords, type Question } from './filter';
import { chosenStep, fieldInWords, measuredSteps } from './measured';
import { fieldFigures } from './queries';
import { longPart, shortPart } from './words';

type Props = { question: Question; chosen: string | undefined; choose: (measured: string | undefined) => void };

/** What steps have measured: how it is spread, and how it goes over time. */
export function MeasurementsPart({ question, chosen, choose }: Props) {
  const configurations = useQuery(tagChoices);
  const tags = (configurations.data ?? []).map(({ tag }) => tag).sort();
  const tag = question.tag ?? chosen?.split('/', 1)[0] ?? tags[0];
  return (
    <>
      <h2 className={classes.heading}>Measurements</h2>
      {tag === undefined ? (
        <p className={`${classes.wide} quiet`}>
          {configurations.isPending ? 'Loading …' : 'There is no configuration yet.'}
        </p>
      ) : (
        <OfConfiguration tag={tag} tags={question.tag === undefined ? tags : []} {...{ question, chosen, choose }} />
      )}
    </>
  );
}

function OfConfiguration({ tag, tags, question, chosen, choose }: Props & { tag: string; tags: string[] }) {
  const configuration = useQuery(configurationQuery(tag, question.version ?? 'latest'));
  const steps = measuredSteps(configuration.data);
  const step = chosenStep(steps, tag, chosen);
  return (
    <>
      <Group className={classes.wide} gap="xs">
        {tags.length > 0 && (
          <NativeSelect
            aria-label="Measurements of the configuration"
            data={[...new Set([tag, ...tags])].sort()}
            value={tag}
            onChange={event => choose(`${event.currentTarget.value}/`)}
          />
        )}
        {step !== undefined && (
          <NativeSelect
            aria-label="Measurements of the step"
            data={steps.map(one => ({ value: one.tag, label: one.name }))}
            value={step}
            onChange={event => choose(`${tag}/${event.currentTarget.value}`)}
          />
        )}
      </Group>
      {step !== undefined ? (
        <OfStep question={{ ...question, tag, step }} />
      ) : (
        <p className={`${classes.wide} quiet`}>
          {configuration.isPending
            ? 'Loading …'
            : `No step of ${tag} measures a number${question.version === undefined ? '' : ` in ${question.version}`}.`}
        </p>
      )}
    </>
  );
}

function OfStep({ question }: { question: Question & { tag: string; step: string } }) {
  const fields = useQuery(fieldFigures(question));
  if (fields.data === undefined || fields.isPlaceholderData) {
    return (
      <div className={classes.wide}>
        {fields.isError ? (
          <Failed error={fields.error} retry={() => void fields.refetch()} />
        ) : (
          <Loading label="Loading the measurements" />
        )}
      </div>
    );
  }
  const { items, period } = fields.data;
  const file = [question.step, ...fileWords(question)];
  return items.length === 0 ? (
    <p className={`${classes.wide} quiet`}>Nothing was measured by this step in this time.</p>
  ) : (
    items.map(field => <Field key={`${field.name} ${field.units}`} field={field} by={period.by} file={file} />)
  );
}

function Field({ field, by, file }: { field: FieldFigures; by: Unit; file: (string | undefined)[] }) {
  const name = field.units ? `${field.name} (${field.units})` : field.name;
  const tell = (value: number) => withUnits(readable(value), field.units);
  const rounded = (value: number) => readable(Number(value.toPrecision(4)));
  return (
    <>
      <ChartPanel
        title={`${name}: distribution`}
        words={fieldInWords(field)}
        table={{
          columns: ['From', 'To', 'Jobs'],
          rows: field.histogram.map(({ from, to, count }) => [from, to, count]),
        }}
        file={file}
        hasPicture
      >
        <StackedBars
          label={`${name}: how many jobs had which value`}
          bars={field.histogram.map(({ from, to, count }) => ({
            key: String(from),
            short: rounded(from),
            title: from === to ? tell(from) : `${rounded(from)} – ${withUnits(rounded(to), field.units)}`,
            values: [count],
          }))}
          series={[{ label: 'Jobs', colour: 'var(--series-4)' }]}
          tell={readable}
          height={130}
          labelRoom={64}
        />
      </ChartPanel>
      <ChartPanel
        title={`${name}: over time`}
        words={versionWords(field)}
        table={{
          columns: ['From', 'Jobs', '10 % below', 'Median', '90 % below'],
          rows: field.trend.map(({ date, samples, p10, median, p90 }) => [date, samples, p10, median, p90]),
        }}
        file={file}
        hasPicture
      >
        <LineChart
          label={`${name}: the median over time`}
          places={field.trend.map(({ date, samples }) => ({
            key: date,
            short: shortPart(date, by),
            title: `${longPart(date, by)}, ${counted(samples, 'job')}`,
          }))}
          lines={[
            {
              label: 'Median',
              colour: 'var(--series-4)',
              values: field.trend.map(({ median }) => median),
              band: field.trend.map(({ p10, p90 }) => [p10, p90]),
            },
          ]}
          bandLabel="8 of 10 jobs"
          tell={rounded}
          isFromZero={false}
          height={130}
        />
      </ChartPanel>
    </>
  );
}

function versionWords({ versions, units }: FieldFigures): string {
  const told = versions.map(one => `${one.version}: ${readable(Number(one.median.toPrecision(4)))}`);
  const unit = units ? ` ${units}` : '';
  return versions.length > 1
    ? `Median by version${unit === '' ? '' : ` in${unit}`} – ${told.join(', ')}. The band holds 8 of 10 jobs.`
    : 'The line is the median, the band holds 8 of 10 jobs.';
}
