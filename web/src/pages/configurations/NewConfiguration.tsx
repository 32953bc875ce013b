import { PageHeading } from '../../components/PageHeading';

export function NewConfigurationPage() {
  return <PageHeading title="New configuration" />;
}
