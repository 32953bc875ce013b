import { Stack, Table, Text } from '@mantine/core';
import type { AuditEntry } from '../../api/types';
import { TextLink } from '../../components/Links';
import rows from '../../components/rows.module.css';
import { Time } from '../../components/Time';
import classes from './AuditRows.module.css';
import { deed, detail, who } from './words';

type Props = { entries: AuditEntry[]; readerId: string };

export function AuditTable({ entries, readerId }: Props) {
  return (
    <div className={rows.table}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w="14%">When</Table.Th>
            <Table.Th>What</Table.Th>
            <Table.Th w="20%">From</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {entries.map(entry => (
            <Table.Tr key={entry.id}>
              <Table.Td className={classes.when}>
                <Time at={entry.created_at} />
              </Table.Td>
              <Table.Td className="breakable">
                <Sentence entry={entry} readerId={readerId} />
              </Table.Td>
              <Table.Td className="breakable">
                {entry.address ?? (
                  <span className="quiet">{entry.actor === 'operator' ? 'the server itself' : '–'}</span>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

export function AuditCards({ entries, readerId }: Props) {
  return (
    <ul className={rows.cards}>
      {entries.map(entry => (
        <li key={entry.id} className={rows.card}>
          <Stack gap={4} className="breakable">
            <div>
              <Sentence entry={entry} readerId={readerId} />
            </div>
            <Text size="sm" c="var(--quiet)">
              <Time at={entry.created_at} />
              {entry.address !== null && ` · from ${entry.address}`}
            </Text>
          </Stack>
        </li>
      ))}
    </ul>
  );
}

function Sentence({ entry, readerId }: { entry: AuditEntry; readerId: string }) {
  const more = detail(entry);
  return (
    <>
      <strong className={classes.who}>{who(entry, readerId)}</strong> {deed(entry)} <Subject of={entry} />
      {more !== '' && (
        <Text size="sm" c="var(--quiet)">
          {more}
        </Text>
      )}
    </>
  );
}

/** Leads to what it was done with, where there is a page of it. */
function Subject({ of: { subject, subject_id } }: { of: AuditEntry }) {
  if (subject === 'job' && subject_id !== null) {
    return (
      <TextLink to="/jobs/$jobId" params={{ jobId: subject_id }} inherit underline="always">
        Show the job
      </TextLink>
    );
  }
  return null;
}
