import { fieldErrors } from '../../api/client';
import { passwordProblem } from './passwords';

const FIELDS = ['email', 'first_name', 'last_name', 'organization', 'password'];

/** What stands at the fields of a new account: the server's refusal, once there was one. */
export function newAccountErrors(error: unknown, password: string, wasTried: boolean): Record<string, string> {
  const refused = error === null ? {} : fieldErrors(error, FIELDS);
  const problem = wasTried ? passwordProblem(password) : null;
  return problem === null ? refused : { ...refused, password: problem };
}

/** An organization that was left empty is none. */
export function filledIn<T extends { organization: string }>(account: T) {
  const organization = account.organization.trim();
  return { ...account, organization: organization === '' ? null : organization };
}
