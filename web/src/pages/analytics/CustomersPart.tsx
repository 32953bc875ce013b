import { useQuery } from '@tanstack/react-query';
import type { CustomerFigures } from '../../api/types';
import { ChartPanel } from '../../components/charts/ChartPanel';
import { Rows } from '../../components/charts/Rows';
import { Failed, Loading } from '../../components/States';
import { counted, readable } from '../../model/number';
import classes from './Analytics.module.css';
import { customerName } from './customers';
import { fileWords, type Question } from './filter';
import { customerFigures } from './queries';
import { change, percent } from './words';

/** For whom the work was. */
export function CustomersPart({ question }: { question: Question }) {
  const customers = useQuery(customerFigures(question));
  return (
    <div className={classes.wide}>
      {customers.data ? (
        <ByCustomer customers={customers.data} file={fileWords(question)} />
      ) : customers.isError ? (
        <Failed error={customers.error} retry={() => void customers.refetch()} />
      ) : (
        <Loading label="Loading the customers" />
      )}
    </div>
  );
}

/** How many have a bar; the table has all. */
const MOST = 12;

function ByCustomer({
  customers: { items, more },
  file,
}: {
  customers: CustomerFigures;
  file: (string | undefined)[];
}) {
  const points = items.reduce((sum, one) => sum + one.points, more.points);
  const [first] = items;
  const shown = items.filter(one => one.opened > 0 || one.points > 0);
  return (
    <ChartPanel
      title="By customer"
      words={
        first === undefined || points === 0 ? (
          'No points were earned in this time.'
        ) : (
          <>
            <strong>{customerName(first.customer)}</strong> has most: {counted(first.points, 'point')},{' '}
            {percent(first.points / points)} of {readable(points)}.
          </>
        )
      }
      table={{
        columns: [
          'Customer',
          'E-mail',
          ...['Opened', 'Finished', 'Failed', 'Steps', 'Points', 'Hours', 'Errors', 'Points before', 'Jobs before'],
        ],
        rows: items.map(one => [
          customerName(one.customer),
          one.customer?.email ?? null,
          ...[one.opened, one.finished, one.failed, one.steps, one.points, one.hours, one.errors],
          one.before.points,
          one.before.opened,
        ]),
      }}
      file={file}
    >
      <Rows
        label="Points earned by customer"
        top={Math.max(0, ...items.map(one => one.points))}
        rows={shown.slice(0, MOST).map(one => {
          const changed = change(one.points, one.before.points);
          return {
            key: one.customer?.id ?? 'nobody',
            label: customerName(one.customer),
            solid: one.points,
            told: counted(one.points, 'point'),
            aside: changed === null ? undefined : `· ${changed.words}`,
            under: `${counted(one.opened, 'job')}, ${readable(one.finished)} finished, ${readable(one.failed)} failed, ${readable(one.hours)} h`,
          };
        })}
      />
    </ChartPanel>
  );
}
