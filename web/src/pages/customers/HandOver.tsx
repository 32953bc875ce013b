import { Button, Group, Modal, Stack, Text, Title } from '@mantine/core';
import type { Customer } from '../../api/types';
import { useMe } from '../../app/session';
import { ShownOnce } from '../../components/ShownOnce';
import { Time } from '../../components/Time';
import { Verbatim } from '../../components/Verbatim';
import { customerTitle, invitationLetter } from './customer';

export type Invited = Customer & { invitation_url: string | null };

/** The link of an invitation, shown this once. */
export function HandOver({ invited, close }: { invited: Invited; close: () => void }) {
  const link = invited.invitation_url;
  return link === null ? (
    <AcceptedBefore customer={invited} close={close} />
  ) : (
    <LinkDialog invited={invited} link={link} close={close} />
  );
}

function LinkDialog({ invited, link, close }: { invited: Customer; link: string; close: () => void }) {
  const me = useMe();
  return (
    <ShownOnce title="Hand this link over" done="I have copied it" close={close}>
      <Text className="breakable">
        For <strong>{invited.email}</strong>. It is shown this once, works once, and ends{' '}
        <Time at={invited.invitation_expires_at} />. If it gets lost, invite them again.
      </Text>
      <Verbatim label="Copy the link" wrap>
        {link}
      </Verbatim>
      <Title order={3}>Ready to paste into an e-mail</Title>
      <Verbatim label="Copy the message" wrap>
        {invitationLetter(me, link, invited.invitation_expires_at)}
      </Verbatim>
    </ShownOnce>
  );
}

function AcceptedBefore({ customer, close }: { customer: Customer; close: () => void }) {
  return (
    <Modal opened onClose={close} title="Already your customer">
      <Stack>
        <Text className="breakable">
          <strong>{customerTitle(customer)}</strong> ({customer.email}) has accepted before. There is nothing to hand
          over: open jobs for them as they are.
        </Text>
        <Group justify="flex-end">
          <Button onClick={close} data-autofocus>
            Close
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
