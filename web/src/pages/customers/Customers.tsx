import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Customer } from '../../api/types';
import { PageHeading } from '../../components/PageHeading';
import { Empty, Failed, Loading } from '../../components/States';
import { usePhone } from '../../components/usePhone';
import { CustomerCards, CustomerTable } from './CustomerRows';
import { InviteDialog } from './InviteDialog';
import { customersQuery } from './queries';
import { UnlinkDialog } from './UnlinkDialog';

/** What is open over the list. */
type Open = { dialog: 'invite' } | { dialog: 'invite-again' | 'unlink'; customer: Customer };

export function Customers() {
  const customers = useInfiniteQuery(customersQuery);
  const isPhone = usePhone();
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => setOpen(null);
  const rows = customers.data?.pages.flatMap(page => page.items) ?? [];
  const Rows = isPhone ? CustomerCards : CustomerTable;
  const invite = <Button onClick={() => setOpen({ dialog: 'invite' })}>Invite a customer</Button>;
  return (
    <>
      <PageHeading
        title="Customers"
        lead="Whom you may open jobs for. Each sees only their own."
        actions={rows.length > 0 && invite}
      />
      {customers.isPending && <Loading />}
      {customers.isError && rows.length === 0 && (
        <Failed error={customers.error} retry={() => void customers.refetch()} />
      )}
      {customers.isSuccess && rows.length === 0 && (
        <Empty title="No customers yet" action={invite}>
          Invite somebody by e-mail address. You get a link to hand over; once they have accepted, they watch the jobs
          you open for them. You can open jobs for an invited address right away.
        </Empty>
      )}
      {rows.length > 0 && (
        <Rows
          customers={rows}
          inviteAgain={customer => setOpen({ dialog: 'invite-again', customer })}
          unlink={customer => setOpen({ dialog: 'unlink', customer })}
        />
      )}
      {customers.hasNextPage && (
        <Button
          variant="default"
          mt="md"
          loading={customers.isFetchingNextPage}
          onClick={() => void customers.fetchNextPage()}
        >
          Show more
        </Button>
      )}
      {open?.dialog === 'invite' && <InviteDialog close={close} />}
      {open?.dialog === 'invite-again' && <InviteDialog again={open.customer} close={close} />}
      {open?.dialog === 'unlink' && <UnlinkDialog customer={open.customer} close={close} />}
    </>
  );
}
