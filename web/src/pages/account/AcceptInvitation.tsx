import { Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { ApiError } from '../../api/client';
import { meQuery } from '../../api/queries';
import type { Invitation, User } from '../../api/types';
import { ButtonLink, TextLink } from '../../components/Links';
import { Failed, Loading } from '../../components/States';
import { Time } from '../../components/Time';
import { AccountPage } from './AccountPage';
import { AcceptButton, NewAccountForm, SignInForm, SwitchAccount } from './acceptForms';
import { invitationStep } from './invitation';
import { invitationQuery } from './queries';

const route = getRouteApi('/invitations/$token');

export function AcceptInvitation() {
  const { token } = route.useParams();
  const me = useQuery(meQuery);
  const invitation = useQuery(invitationQuery(token));
  const isVoid = invitation.error instanceof ApiError && invitation.error.status === 404;
  const failed = isVoid ? me : invitation.isError ? invitation : me;
  return (
    <AccountPage title={isVoid ? 'This invitation is not valid' : 'Invitation'}>
      {failed.isError && failed.data === undefined ? (
        <Failed error={failed.error} retry={() => void failed.refetch()} />
      ) : me.data === undefined || (!isVoid && invitation.data === undefined) ? (
        <Loading lines={4} />
      ) : isVoid || invitation.data === undefined ? (
        <Void me={me.data} />
      ) : (
        <Open token={token} invitation={invitation.data} me={me.data} />
      )}
    </AccountPage>
  );
}

/** Used, made void by a newer one or by the provider, or run out: the server does not tell which. */
function Void({ me }: { me: User | null }) {
  return (
    <Stack>
      <Text>
        It was used already, has been replaced by a newer one, or has run out: an invitation works once, within 14
        days. Ask your provider for a new link.
      </Text>
      <Text>
        {me === null ? 'If you have accepted it before, ' : `You are signed in as ${me.email}: `}
        <TextLink to={me === null ? '/sign-in' : '/'} inherit underline="always">
          {me === null ? 'sign in' : 'see your jobs'}
        </TextLink>
        .
      </Text>
    </Stack>
  );
}

function Open({ token, invitation, me }: { token: string; invitation: Invitation; me: User | null }) {
  return (
    <Stack>
      <Text className="breakable">
        <strong>{invitation.provider_name}</strong> invites you, <strong>{invitation.email}</strong>, to watch the
        jobs they do for you. The invitation ends <Time at={invitation.expires_at} />.
      </Text>
      <NextStep token={token} invitation={invitation} me={me} />
    </Stack>
  );
}

function NextStep({ token, invitation, me }: { token: string; invitation: Invitation; me: User | null }) {
  switch (invitationStep(invitation, me)) {
    case 'new-account':
      return <NewAccountForm token={token} email={invitation.email} />;
    case 'sign-in':
      return <SignInForm token={token} email={invitation.email} />;
    case 'accept':
      return <AcceptButton token={token} />;
    case 'somebody-else':
      return (
        <SwitchAccount>You are signed in as {me?.email}, but this invitation is for another address.</SwitchAccount>
      );
    case 'provider':
      return (
        <>
          <Text>
            You are signed in as a provider with this address, and a provider cannot be a customer too. Ask{' '}
            {invitation.provider_name} to invite another address of yours.
          </Text>
          <ButtonLink to="/" variant="default">
            Back to your jobs
          </ButtonLink>
        </>
      );
  }
}
