import { PageHeading } from '../../components/PageHeading';

export function Customers() {
  return <PageHeading title="Customers" />;
}
