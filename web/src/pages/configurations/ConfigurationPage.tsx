import { PageHeading } from '../../components/PageHeading';

export function ConfigurationPage() {
  return <PageHeading title="Configuration" />;
}
