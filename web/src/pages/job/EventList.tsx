import { Button } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import type { Event, JobStep } from '../../api/types';
import { EventEntry } from './EventEntry';
import classes from './Timeline.module.css';

/** How many entries before the end the next page is asked for. */
const AHEAD = 30;

type Props = {
  events: Event[];
  steps: Map<string, JobStep>;
  hasMore: boolean;
  isFetching: boolean;
  hasFailed: boolean;
  onMore: () => void;
};

/** Any number of events; only those in sight are drawn. What one reads stays where it is when others come in above. */
export function EventList({ events, steps, hasMore, isFetching, hasFailed, onMore }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const unseen = useUnseen(events, scroller.current);
  const isAtTop = (scroller.current?.scrollTop ?? 0) < 4;
  const virtual = useVirtualizer({
    count: events.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 54,
    getItemKey: index => events[index]?.id ?? index,
    overscan: 12,
    anchorTo: isAtTop ? 'start' : 'end',
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && !isFetching && !hasFailed && last >= events.length - AHEAD) {
      onMore();
    }
  }, [last, events.length, hasMore, isFetching, hasFailed, onMore]);

  return (
    <div className={classes.frame}>
      {unseen > 0 && (
        <Button className={classes.unseen} size="compact-sm" onClick={() => scroller.current?.scrollTo({ top: 0 })}>
          {unseen} new
        </Button>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section className={classes.scroller} ref={scroller} tabIndex={0} aria-label="Events, newest first">
        <ol className={classes.events} style={{ height: virtual.getTotalSize() }}>
          {items.map(item => {
            const event = events[item.index];
            return (
              event !== undefined && (
                <li
                  key={item.key}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  aria-setsize={hasMore ? -1 : events.length}
                  aria-posinset={item.index + 1}
                  className={classes.item}
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  <EventEntry event={event} step={event.tag === null ? undefined : steps.get(event.tag)} />
                </li>
              )
            );
          })}
        </ol>
        {hasFailed ? (
          <Button variant="default" size="compact-sm" onClick={onMore}>
            Earlier events could not be loaded. Try again
          </Button>
        ) : (
          isFetching && <p className="quiet">Loading earlier events …</p>
        )}
      </section>
    </div>
  );
}

/** How many events have come in above while one reads further down. */
function useUnseen(events: Event[], scroller: HTMLElement | null): number {
  const newest = events[0]?.id;
  const [seen, see] = useState(newest);
  useEffect(() => {
    const look = () => {
      if ((scroller?.scrollTop ?? 0) < 4) {
        see(newest);
      }
    };
    look();
    scroller?.addEventListener('scroll', look, { passive: true });
    return () => scroller?.removeEventListener('scroll', look);
  }, [newest, scroller]);
  return Math.max(
    0,
    events.findIndex(event => event.id === seen),
  );
}
