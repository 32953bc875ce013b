import { Button, Group, Stack, Table, Text, VisuallyHidden } from '@mantine/core';
import type { Customer } from '../../api/types';
import { ButtonLink } from '../../components/Links';
import rows from '../../components/rows.module.css';
import { StatusShape } from '../../components/Status';
import { Time } from '../../components/Time';
import classes from './CustomerRows.module.css';
import { type CustomerState, customerPerson, customerState, customerTitle } from './customer';

type Props = {
  customers: Customer[];
  inviteAgain: (customer: Customer) => void;
  unlink: (customer: Customer) => void;
};

export function CustomerTable({ customers, ...acts }: Props) {
  return (
    <div className={rows.table}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Customer</Table.Th>
            <Table.Th>E-mail</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th className={classes.short}>First invited</Table.Th>
            <Table.Th>
              <VisuallyHidden>What to do</VisuallyHidden>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {customers.map(customer => (
            <Table.Tr key={customer.id}>
              <Table.Td>
                {customer.status === 'invited' ? <span className="quiet">–</span> : <Name customer={customer} />}
              </Table.Td>
              <Table.Td className="breakable">{customer.email}</Table.Td>
              <Table.Td>
                <State customer={customer} />
              </Table.Td>
              <Table.Td className={classes.short}>
                <Time at={customer.created_at} />
              </Table.Td>
              <Table.Td>
                <Acts customer={customer} {...acts} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

export function CustomerCards({ customers, ...acts }: Props) {
  return (
    <ul className={rows.cards}>
      {customers.map(customer => (
        <li key={customer.id} className={rows.card}>
          <Stack gap={6}>
            <Name customer={customer} />
            {customer.status === 'accepted' && <span className="breakable quiet">{customer.email}</span>}
            <State customer={customer} />
            <span className="quiet">
              First invited <Time at={customer.created_at} />
            </span>
            <Acts customer={customer} {...acts} />
          </Stack>
        </li>
      ))}
    </ul>
  );
}

function Name({ customer }: { customer: Customer }) {
  const person = customerPerson(customer);
  return (
    <Stack gap={0}>
      <Text fw={550} className="breakable">
        {customerTitle(customer)}
      </Text>
      {person && <span className="breakable quiet">{person}</span>}
    </Stack>
  );
}

const STATES: Record<CustomerState, { word: string; shape: 'finished' | 'pending' | 'skipped' }> = {
  accepted: { word: 'Accepted', shape: 'finished' },
  invited: { word: 'Invited', shape: 'pending' },
  'run-out': { word: 'Invitation ran out', shape: 'skipped' },
};

function State({ customer }: { customer: Customer }) {
  const state = customerState(customer, new Date());
  const { word, shape } = STATES[state];
  return (
    <Stack gap={0}>
      <span className={classes.state} data-state={state}>
        <StatusShape status={shape} />
        {word}
      </span>
      {state === 'invited' && (
        <span className={`quiet ${classes.short}`}>
          link ends <Time at={customer.invitation_expires_at} />
        </span>
      )}
    </Stack>
  );
}

function Acts({ customer, inviteAgain, unlink }: { customer: Customer } & Omit<Props, 'customers'>) {
  const title = customerTitle(customer);
  return (
    <Group gap={4} wrap="nowrap" className={rows.acts}>
      <ButtonLink
        to="/jobs"
        search={{ customer: customer.customer_id ?? customer.email }}
        variant="subtle"
        size="compact-sm"
        aria-label={`Jobs of ${title}`}
      >
        Jobs
      </ButtonLink>
      {customer.status === 'invited' && (
        <Button
          variant="subtle"
          size="compact-sm"
          onClick={() => inviteAgain(customer)}
          aria-label={`Invite again: ${title}`}
        >
          Invite again
        </Button>
      )}
      <Button
        variant="subtle"
        color="gray"
        size="compact-sm"
        onClick={() => unlink(customer)}
        aria-label={`Unlink ${title}`}
      >
        Unlink
      </Button>
    </Group>
  );
}
