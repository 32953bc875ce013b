import { PageHeading } from '../../components/PageHeading';

export function AcceptInvitation() {
  return <PageHeading title="Invitation" />;
}
