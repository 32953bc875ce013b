import { PageHeading } from '../../components/PageHeading';

export function SignUp() {
  return <PageHeading title="Sign up" />;
}
