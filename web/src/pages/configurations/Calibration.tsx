import { Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Failed, Loading } from '../../components/States';
import { calibration } from './calibration';
import { calibrationQuery } from './queries';

/** How far one can trust what is expected of running jobs. */
export function Calibration({ tag, version }: { tag: string; version: string }) {
  const { data, error, refetch } = useQuery(calibrationQuery(tag, version));
  const [found] = data?.items ?? [];
  return (
    <section>
      <Title order={2} mb="xs">
        Expected ends
      </Title>
      {error !== null ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : data === undefined ? (
        <Loading lines={1} label="Loading how often expected ends held" />
      ) : (
        <>
          <p>{calibration(found ?? data, found?.runs ?? 0)}</p>
          <p className="quiet">
            While a job runs it is told when it will be done: an interval that four out of five ends should fall into,
            from runs that had finished the same step. Here the newest runs are gone through once more.
          </p>
        </>
      )}
    </section>
  );
}
