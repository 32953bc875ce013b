import { PageHeading } from '../../components/PageHeading';

export function JobPage() {
  return <PageHeading title="Job" />;
}
