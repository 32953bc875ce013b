import type { EventKind } from '../../api/types';

export const KINDS: EventKind[] = ['step', 'error', 'info', 'complete'];

/** The kinds that the address asks for; undefined for all, not left out: then the router keeps what the address has. */
export function readEventFilter(search: Record<string, unknown>): { kind?: EventKind[] } {
  const words = Array.isArray(search.kind) ? search.kind : String(search.kind ?? '').split(',');
  const kind = KINDS.filter(known => words.includes(known));
  return { kind: kind.length === 0 || kind.length === KINDS.length ? undefined : kind };
}
