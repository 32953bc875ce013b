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
export function withEvents(data: EventPages, kinds: EventKind[] | undefined, events: Iterable<Event>): EventPages {
  let pages = data.pages;
  for (const event of events) {
    if (kinds === undefined || kinds.includes(event.kind)) {
      pages = inserted(pages, event);
    }
  }
  return pages === data.pages ? data : { ...data, pages };
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
