import { Button, Group, Stack, Table, Text, VisuallyHidden } from '@mantine/core';
import type { ApiKey, Scope } from '../../api/types';
import rows from '../../components/rows.module.css';
import { Time } from '../../components/Time';
import { Ends } from './Ends';
import classes from './KeyRows.module.css';

type Acts = { rotate?: (key: ApiKey) => void; expire?: (key: ApiKey) => void };
type Props = Acts & { keys: ApiKey[] };

export const SCOPES: Record<Scope, string> = {
  write: 'Read and write',
  read: 'Read only',
};

export function KeyTable({ keys, ...acts }: Props) {
  return (
    <div className={rows.table}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w="26%">For</Table.Th>
            <Table.Th w="13%">Key</Table.Th>
            <Table.Th w="14%">May</Table.Th>
            <Table.Th w="11%">Created</Table.Th>
            <Table.Th w="12%">Last used</Table.Th>
            <Table.Th>{acts.expire ? 'Ends' : 'Ended'}</Table.Th>
            {acts.expire && (
              <Table.Th>
                <VisuallyHidden>What to do</VisuallyHidden>
              </Table.Th>
            )}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {keys.map(key => (
            <Table.Tr key={key.id}>
              <Table.Td className="breakable" fw={550} maw={320}>
                {key.note}
              </Table.Td>
              <Table.Td>
                <Prefix of={key} />
              </Table.Td>
              <Table.Td className={classes.short}>{SCOPES[key.scope]}</Table.Td>
              <Table.Td className={classes.short}>
                <Time at={key.created_at} />
              </Table.Td>
              <Table.Td className={classes.short}>
                <Time at={key.last_used_at} fallback="Never" />
              </Table.Td>
              <Table.Td className={classes.short}>
                <Ends apiKey={key} />
              </Table.Td>
              {acts.expire && (
                <Table.Td>
                  <Buttons apiKey={key} {...acts} />
                </Table.Td>
              )}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

export function KeyCards({ keys, ...acts }: Props) {
  return (
    <ul className={rows.cards}>
      {keys.map(key => (
        <li key={key.id} className={rows.card}>
          <Stack gap={4}>
            <Text fw={550} className="breakable">
              {key.note}
            </Text>
            <span className="quiet">
              <Prefix of={key} /> · {SCOPES[key.scope]}
            </span>
            <span className="quiet">
              Created <Time at={key.created_at} /> · last used <Time at={key.last_used_at} fallback="never" />
            </span>
            <span>
              {acts.expire ? 'Ends' : 'Ended'} <Ends apiKey={key} />
            </span>
            {acts.expire && <Buttons apiKey={key} {...acts} />}
          </Stack>
        </li>
      ))}
    </ul>
  );
}

/** The visible beginning: enough to find a key again, useless to anybody else. */
function Prefix({ of: key }: { of: ApiKey }) {
  return <span className="mono">{key.prefix}…</span>;
}

function Buttons({ apiKey, rotate, expire }: { apiKey: ApiKey } & Acts) {
  return (
    <Group gap={4} wrap="nowrap" className={rows.acts}>
      <Button
        variant="subtle"
        size="compact-sm"
        onClick={() => rotate?.(apiKey)}
        aria-label={`Rotate: ${apiKey.note}`}
      >
        Rotate
      </Button>
      <Button
        variant="subtle"
        color="gray"
        size="compact-sm"
        onClick={() => expire?.(apiKey)}
        aria-label={`Expire now: ${apiKey.note}`}
      >
        Expire now
      </Button>
    </Group>
  );
}
