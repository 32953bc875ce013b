import { PageHeading } from '../../components/PageHeading';

export function Configurations() {
  return <PageHeading title="Configurations" />;
}
