import { PageHeading } from '../../components/PageHeading';

export function Profile() {
  return <PageHeading title="Profile" />;
}
