import type { Event, Job } from '../api/types';

/** How the line to the server is. */
export type LiveState = 'connecting' | 'live' | 'lost' | 'signed-out';

/** What comes from the server, or from the line itself. */
export type LiveMessage =
  | { kind: 'state'; state: LiveState }
  /** An event and its job as it is now. */
  | { kind: 'event'; event: Event; job: Job }
  /** A job as it is now, from which nothing has come for longer than usual. */
  | { kind: 'silence'; job: Job }
  /** What one may see may have changed, or events may have been missed: read again. */
  | { kind: 'stale' };

/** What a tab says to the worker that all tabs share. */
export type TabMessage = 'hello' | 'bye';
