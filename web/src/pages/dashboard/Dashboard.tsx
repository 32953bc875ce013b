import { PageHeading } from '../../components/PageHeading';

export function Dashboard() {
  return <PageHeading title="Dashboard" />;
}
