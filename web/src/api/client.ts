import createClient from 'openapi-fetch';
import type { paths } from './schema';
import type { Problem } from './types';

/** The server's API. Its cookie says who is asking. */
export const api = createClient<paths>({ baseUrl: '/' });

/** What the server refused, or that it could not be reached (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly fields: { pointer: string; detail: string }[] = [],
    readonly differences: NonNullable<Problem['differences']> = [],
    /** After how many seconds the server wants to be asked again, if it says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
    this.name = 'ApiError';
  }
}

/** The data of an answer; throws an {@link ApiError} otherwise. */
export async function answer<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let settled: { data?: T; error?: unknown; response: Response };
  try {
    settled = await call;
  } catch {
    throw new ApiError(0, 'The server cannot be reached.');
  }
  if (settled.response.ok && settled.data !== undefined) {
    return settled.data;
  }
  throw problemOf(settled.response, settled.error);
}

/** What an answer that is no success says. */
function problemOf({ status, headers }: Response, body: unknown): ApiError {
  const problem = body as Partial<Problem> | undefined;
  const detail = problem?.detail ?? `The server answered with status ${status}.`;
  const wait = Number.parseInt(headers.get('retry-after') ?? '', 10);
  const retryAfter = Number.isNaN(wait) ? null : wait;
  return new ApiError(status, detail, problem?.errors ?? [], problem?.differences ?? [], retryAfter);
}

/** Whether it may help to try again. */
export function isTemporary(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
}

/** Whether the server does not show something, or not any more: the same answer as for what does not exist. */
export function isNotShown(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 403);
}

/**
 * The messages of a refusal for the fields of a form: `/email` becomes `email`. What names no field of the form is
 * under the key `''`, for the form as a whole.
 */
export function fieldErrors(error: unknown, fields: readonly string[]): Record<string, string> {
  if (!(error instanceof ApiError)) {
    return { '': 'Something went wrong in this page. Please reload it.' };
  }
  const messages: Record<string, string> = {};
  const rest: string[] = [];
  for (const { pointer, detail } of error.fields) {
    const field = pointer.replace(/^\//, '');
    if (fields.includes(field)) {
      messages[field] = sentence(detail);
    } else {
      rest.push(`${pointer} ${detail}`.trim());
    }
  }
  if (error.fields.length === 0) {
    rest.push(error.message);
  }
  return rest.length > 0 ? { ...messages, '': rest.join('\n') } : messages;
}

/** Details of the server go on after a field's name: `must be …`. Alone they begin with a capital. */
function sentence(detail: string): string {
  return detail.charAt(0).toUpperCase() + detail.slice(1);
}
