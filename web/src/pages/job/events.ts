import type { InfiniteData } from '@tanstack/react-query';
import type { Event, EventKind, Page } from '../../api/types';
import { compareInstants } from '../../model/instant';

export type EventPages = InfiniteData<Page<Event>, unknown>;

/** How much later than it happened an event may arrive without being called late. */
const LATE = 60_000;

/**
 * The pages, newest first, with events that came meanwhile at their places. What is there already is not put in
 * again; what belongs behind the last page read so far comes with the next one. The same object if nothing is new.
 */
export function withEvents(data: EventPages, kinds: EventKind[] | undefined, events: readonly Event[]): EventPages {
  const wanted = events.filter(event => kinds === undefined || kinds.includes(event.kind));
  // The place of one event is soon found: it is new. Of many most are there already.
  const known = wanted.length > 1 ? sequencesOf(data) : undefined;
  const fresh = wanted.filter(event => known?.has(event.sequence) !== true);
  const pages = fresh.reduce(inserted, data.pages);
  return pages === data.pages ? data : { ...data, pages };
}

function sequencesOf({ pages }: EventPages): Set<number> {
  return new Set(pages.flatMap(page => page.items.map(event => event.sequence)));
}

/** So many events may have come while somebody looks before the list is read anew, and so many stay until then. */
const MOST_CAME = 5_000;
const KEPT = 200;

/** The newest events alone, where those that came would fill the memory in time; else null. */
export function cut({ pages: [first], pageParams: [param] }: EventPages): EventPages | null {
  if (first === undefined || first.items.length <= MOST_CAME) {
    return null;
  }
  return { pages: [{ items: first.items.slice(0, KEPT), next: null }], pageParams: [param] };
}

function inserted(pages: Page<Event>[], event: Event): Page<Event>[] {
  const at = pages.findIndex(page => isNotAfter(page.items.at(-1), event));
  const index = at === -1 ? pages.length - 1 : at;
  const page = pages[index];
  if (page === undefined || (at === -1 && page.next !== null)) {
    return pages;
  }
  const place = page.items.findIndex(known => isNotAfter(known, event));
  if (page.items[place]?.sequence === event.sequence) {
    return pages;
  }
  return pages.with(index, {
    ...page,
    items: page.items.toSpliced(place === -1 ? page.items.length : place, 0, event),
  });
}

/** Whether the first is the second, happened before it, or arrived before it at the same time. */
function isNotAfter(known: Event | undefined, event: Event): boolean {
  if (known === undefined) {
    return false;
  }
  return (compareInstants(known.occurred_at, event.occurred_at) || known.sequence - event.sequence) <= 0;
}

/** By how many milliseconds an event came late; null if it did not. */
export function lateness(event: Event): number | null {
  const late = Date.parse(event.created_at) - Date.parse(event.occurred_at);
  return late >= LATE ? late : null;
}
