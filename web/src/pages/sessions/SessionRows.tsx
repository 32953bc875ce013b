import { Button, Group, Stack, Table, Text, VisuallyHidden } from '@mantine/core';
import type { Session } from '../../api/types';
import rows from '../../components/rows.module.css';
import { Time } from '../../components/Time';
import { deviceName } from './device';
import classes from './SessionRows.module.css';

type Props = {
  sessions: Session[];
  end: (session: Session) => void;
  /** The id of the session that is being ended. */
  ending: string | undefined;
};

export function SessionTable({ sessions, ...acts }: Props) {
  return (
    <div className={rows.table}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w="30%">Device</Table.Th>
            <Table.Th w="18%">Address</Table.Th>
            <Table.Th w="13%">Last used</Table.Th>
            <Table.Th w="13%">Signed in</Table.Th>
            <Table.Th>Ends without use</Table.Th>
            <Table.Th>
              <VisuallyHidden>What to do</VisuallyHidden>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {sessions.map(session => (
            <Table.Tr key={session.id}>
              <Table.Td className="breakable" maw={320}>
                <Device of={session} />
              </Table.Td>
              <Table.Td className="breakable">
                <Address of={session} />
              </Table.Td>
              <Table.Td className={classes.short}>
                <Time at={session.last_used_at} />
              </Table.Td>
              <Table.Td className={classes.short}>
                <Time at={session.created_at} />
              </Table.Td>
              <Table.Td className={classes.short}>
                <Time at={session.expires_at} />
              </Table.Td>
              <Table.Td>
                <End session={session} {...acts} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

export function SessionCards({ sessions, ...acts }: Props) {
  return (
    <ul className={rows.cards}>
      {sessions.map(session => (
        <li key={session.id} className={rows.card}>
          <Stack gap={4}>
            <Device of={session} />
            <Text size="sm" className="breakable">
              <Address of={session} /> · last used <Time at={session.last_used_at} />
            </Text>
            <Text size="sm" c="var(--quiet)">
              Signed in <Time at={session.created_at} /> · ends without use <Time at={session.expires_at} />
            </Text>
            <End session={session} {...acts} />
          </Stack>
        </li>
      ))}
    </ul>
  );
}

function Device({ of: session }: { of: Session }) {
  return (
    <>
      <Text fw={550} className="breakable" title={session.user_agent ?? undefined}>
        {deviceName(session.user_agent)}
      </Text>
      {(session.current || session.remembered) && (
        <Text size="sm" c="var(--quiet)">
          {[session.current && 'this session', session.remembered && 'stays signed in'].filter(Boolean).join(' · ')}
        </Text>
      )}
    </>
  );
}

function Address({ of: session }: { of: Session }) {
  return session.address === null ? <span className="quiet">–</span> : <span>{session.address}</span>;
}

/** One's own session is ended by signing out. */
function End({ session, end, ending }: Omit<Props, 'sessions'> & { session: Session }) {
  if (session.current) {
    return null;
  }
  return (
    <Group className={rows.acts} wrap="nowrap">
      <Button
        variant="subtle"
        color="gray"
        size="compact-sm"
        loading={ending === session.id}
        onClick={() => end(session)}
        aria-label={`End the session of ${deviceName(session.user_agent)}`}
      >
        End
      </Button>
    </Group>
  );
}
