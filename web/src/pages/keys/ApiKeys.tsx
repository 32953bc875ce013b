import { PageHeading } from '../../components/PageHeading';

export function ApiKeys() {
  return <PageHeading title="API keys" />;
}
