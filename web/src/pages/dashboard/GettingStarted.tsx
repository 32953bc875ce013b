import { PageHeading } from '../../components/PageHeading';

export function GettingStarted() {
  return <PageHeading title="Getting started" />;
}
