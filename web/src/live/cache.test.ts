import { type QueryClient, type QueryKey, QueryObserver } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError, api } from '../api/client';
import { type JobFilter, jobKeys, jobsQuery, newQueryClient } from '../api/queries';
import type { JobListItem } from '../api/types';
import { LiveCache } from './cache';
import type { JobPages } from './lists';
import { job, pages } from './support/jobs';

vi.mock('../api/client', async original => {
  const client = await original<typeof import('../api/client')>();
  return { ...client, api: { GET: vi.fn() } };
});

type Asked = { id?: string; status?: string; tag?: string; silent?: boolean; cursor?: string };

let client: QueryClient;
let cache: LiveCache;
let isVisible: boolean;
/** What the server has, and what it was asked. */
let stored: JobListItem[];
let asked: Asked[];
let delay: number;
/** The lists that were read again as a whole. */
let readAgain: QueryKey[];
const leaving: (() => void)[] = [];

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-11-22T12:00:00Z') });
  client = newQueryClient();
  isVisible = true;
  cache = new LiveCache(client, () => isVisible);
  stored = [];
  asked = [];
  delay = 10;
  readAgain = [];
  vi.mocked(api.GET).mockImplementation((async (_path: string, { params }: { params: { query: Asked } }) => {
    asked.push(params.query);
    const items = stored.filter(row => params.query.id === undefined || params.query.id.split(',').includes(row.id));
    const answer = { items: items.filter(row => (params.query.tag ?? row.tag) === row.tag), next: null };
    await new Promise(resolve => setTimeout(resolve, delay));
    return { data: answer, response: new Response() };
  }) as never);
});
afterEach(() => {
  for (const leave of leaving.splice(0)) {
    leave();
  }
  cache.dispose();
  client.clear();
  vi.useRealTimers();
});

/** Somebody looks at a list with these rows. */
function show(filter: JobFilter, rows: JobListItem[][]): void {
  const key = jobsQuery(filter).queryKey;
  client.setQueryData(key, pages(...rows) as never);
  look(key);
}

function look(queryKey: QueryKey): void {
  const queryFn = async () => {
    readAgain.push(queryKey);
    return client.getQueryData(queryKey);
  };
  const observer = new QueryObserver(client, { queryKey, queryFn, staleTime: Number.POSITIVE_INFINITY });
  leaving.push(observer.subscribe(() => undefined));
}

function rowsOf(filter: JobFilter): JobListItem[] {
  const lists: JobPages | undefined = client.getQueryData(jobsQuery(filter).queryKey);
  return lists?.pages.flatMap(page => page.items) ?? [];
}

const STEPS = [{ tag: 's', name: 'S', points: 1, status: 'running' as const, fraction: 0.5 }];

function event(id: string, minute: number, sequence: number, rest: Partial<JobListItem> = {}): JobListItem {
  return job(id, minute, { last_sequence: sequence, status: 'running', ...rest });
}

describe('rows', () => {
  test('change at once, and their steps follow', async () => {
    show({}, [[job('a', 1)]]);
    stored = [event('a', 1, 1, { steps: STEPS })];
    cache.apply([event('a', 1, 1, { progress: 0.5 })]);
    expect(rowsOf({})[0]).toMatchObject({ status: 'running', progress: 0.5 });
    await vi.advanceTimersByTimeAsync(20);
    expect(rowsOf({})[0]?.steps).toEqual(STEPS);
    expect(asked).toEqual([{ id: 'a', steps: true, limit: 1, status: undefined }]);
  });

  test('never go back', () => {
    show({}, [[event('a', 1, 5)]]);
    cache.apply([event('a', 1, 4, { status: 'error' })]);
    expect(rowsOf({})[0]).toMatchObject({ status: 'running', last_sequence: 5 });
  });

  test('say that their job is silent, until its next event', () => {
    show({}, [[event('a', 1, 5)]]);
    const silent = event('a', 1, 5, { silent_since: '2026-11-22T12:01:00Z' });
    cache.apply([silent]);
    expect(rowsOf({})[0]).toMatchObject({ last_sequence: 5, silent_since: '2026-11-22T12:01:00Z' });
    cache.apply([event('a', 1, 6)]);
    expect(rowsOf({})[0]).toMatchObject({ last_sequence: 6, silent_since: null });
    cache.apply([silent]);
    expect(rowsOf({})[0]?.silent_since).toBeNull();
  });

  test('of several lists change together', () => {
    show({}, [[job('a', 1)]]);
    show({ tag: 'brain' }, [[job('b', 2)], [job('a', 1)]]);
    cache.apply([event('a', 1, 1)]);
    expect([rowsOf({})[0]?.status, rowsOf({ tag: 'brain' })[1]?.status]).toEqual(['running', 'running']);
  });

  test('do not make their list look as if it had been read just now', () => {
    show({}, [[job('a', 1)]]);
    const readAt = client.getQueryState(jobsQuery({}).queryKey)?.dataUpdatedAt;
    vi.advanceTimersByTime(5_000);
    cache.apply([event('a', 1, 1)]);
    expect(client.getQueryState(jobsQuery({}).queryKey)?.dataUpdatedAt).toBe(readAt);
  });
});

describe('requests', () => {
  test('are few, however many events come', async () => {
    const rows = Array.from({ length: 200 }, (_, index) => job(`job-${index}`, index % 60));
    show({}, [rows]);
    stored = rows;
    for (let tick = 0; tick < 200; tick += 1) {
      cache.apply([event(`job-${tick}`, tick % 60, 1), event(`job-${(tick * 7) % 200}`, 1, 2)]);
      await vi.advanceTimersByTimeAsync(50);
    }
    // Ten seconds, seven requests each at most.
    expect(asked.length).toBeLessThanOrEqual(68);
    expect(asked.length).toBeGreaterThan(20);
    expect(asked.every(({ id, cursor }) => id !== undefined && cursor === undefined)).toBe(true);
    expect(readAgain).toEqual([]);
  });

  test('become fewer where the server takes long', async () => {
    show({}, [[job('a', 1)]]);
    stored = [job('a', 1)];
    delay = 2_000;
    for (let sequence = 1; sequence <= 100; sequence += 1) {
      cache.apply([event('a', 1, sequence)]);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(asked.length).toBeLessThanOrEqual(4);
  });

  test('wait until the page is seen', async () => {
    show({}, [[job('a', 1)]]);
    stored = [event('a', 1, 3, { steps: STEPS })];
    isVisible = false;
    cache.apply([event('a', 1, 3)]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual([]);
    isVisible = true;
    cache.wake();
    await vi.advanceTimersByTimeAsync(20);
    expect(rowsOf({})[0]?.steps).toEqual(STEPS);
  });

  test.each([
    ['was away', () => Promise.reject(new ApiError(0, 'away'))],
    ['was too busy', async () => ({ error: {}, response: new Response(null, { status: 429 }) })],
  ])('are made again after the server %s', async (_, refusal) => {
    show({}, [[job('a', 1)]]);
    stored = [event('a', 1, 1, { steps: STEPS })];
    vi.mocked(api.GET).mockImplementationOnce(refusal as never);
    cache.apply([event('a', 1, 1)]);
    await vi.advanceTimersByTimeAsync(20);
    expect(rowsOf({})[0]?.steps).toBeUndefined();
    await vi.advanceTimersByTimeAsync(4_000);
    expect(rowsOf({})[0]?.steps).toEqual(STEPS);
  });
});

describe('a job that a list does not show', () => {
  test('is looked up with the filter, and comes to its place', async () => {
    show({ tag: 'brain' }, [[job('c', 3), job('a', 1)]]);
    stored = [event('b', 2, 1, { steps: STEPS })];
    cache.apply([event('b', 2, 1)]);
    await vi.advanceTimersByTimeAsync(20);
    expect(rowsOf({ tag: 'brain' }).map(row => row.id)).toEqual(['c', 'b', 'a']);
    expect(asked).toMatchObject([{ id: 'b', tag: 'brain' }]);
  });

  test('comes to the list of silent ones when it is found to be so', async () => {
    show({ silent: true }, [[]]);
    cache.apply([event('b', 2, 1)]);
    await vi.advanceTimersByTimeAsync(20);
    expect(asked).toEqual([]);
    stored = [event('b', 2, 1, { silent_since: '2026-11-22T12:02:00Z' })];
    cache.apply(stored);
    await vi.advanceTimersByTimeAsync(20);
    expect(rowsOf({ silent: true }).map(row => row.id)).toEqual(['b']);
    expect(asked).toMatchObject([{ id: 'b', silent: true }]);
  });

  test('is not asked for if it cannot fit, or is on a page yet to be read', async () => {
    show({ tag: 'spine' }, [[]]);
    show({}, [[job('z', 50)]]);
    const [first] = client.getQueryData<JobPages>(jobsQuery({}).queryKey)?.pages ?? [];
    client.setQueryData(jobsQuery({}).queryKey, {
      pages: [{ ...first, next: 'more' }],
      pageParams: [undefined],
    } as never);
    cache.apply([event('b', 2, 1)]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toEqual([]);
  });

  test('comes when its list is looked at again', async () => {
    client.setQueryData(jobsQuery({}).queryKey, pages([job('a', 1)]) as never);
    stored = [event('b', 2, 1)];
    cache.apply([event('b', 2, 1)]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toEqual([]);
    look(jobsQuery({}).queryKey);
    await vi.advanceTimersByTimeAsync(20);
    expect(rowsOf({}).map(row => row.id)).toEqual(['b', 'a']);
  });
});

describe('an answer that an event has overtaken', () => {
  test('does not take a row back', async () => {
    const { queryKey } = jobsQuery({});
    const read = client.fetchQuery({
      queryKey,
      queryFn: async () => {
        await new Promise(resolve => setTimeout(resolve, 500));
        return pages([job('a', 1)]);
      },
    });
    cache.apply([event('a', 1, 1, { progress: 0.5 })]);
    await vi.advanceTimersByTimeAsync(600);
    await read;
    expect(rowsOf({})[0]).toMatchObject({ last_sequence: 1, progress: 0.5 });
  });

  test('does not take back that a job is silent', async () => {
    const { queryKey } = jobsQuery({});
    const read = client.fetchQuery({
      queryKey,
      queryFn: async () => {
        await new Promise(resolve => setTimeout(resolve, 500));
        return pages([event('a', 1, 1), event('b', 2, 2)]);
      },
    });
    const silent_since = '2026-11-22T12:01:00Z';
    cache.apply([event('a', 1, 1, { silent_since }), event('b', 2, 1, { silent_since })]);
    await vi.advanceTimersByTimeAsync(600);
    await read;
    expect(rowsOf({}).map(row => row.silent_since)).toEqual([silent_since, null]);
  });

  test('does not take a job back either', async () => {
    const queryKey = jobKeys.one('a');
    const read = client.fetchQuery({
      queryKey,
      queryFn: async () => {
        await new Promise(resolve => setTimeout(resolve, 500));
        return job('a', 1);
      },
    });
    cache.apply([event('a', 1, 1)]);
    await vi.advanceTimersByTimeAsync(500);
    await read;
    expect(client.getQueryData(queryKey)).toMatchObject({ last_sequence: 1 });
    await vi.advanceTimersByTimeAsync(300);
    expect(client.getQueryState(queryKey)?.isInvalidated).toBe(true);
  });
});

test('a list that has grown all day is read anew from its beginning', async () => {
  const rows = Array.from({ length: 2_001 }, (_, index) => job(`job-${index}`, 1));
  show({}, [rows, [job('last', 0)]]);
  cache.apply([event('job-0', 1, 1)]);
  await vi.advanceTimersByTimeAsync(20);
  expect(rowsOf({})).toHaveLength(50);
  expect(readAgain).toEqual([jobsQuery({}).queryKey]);
});

test('everything is read again when it may be outdated, and lists that nobody looks at are dropped', async () => {
  show({}, [[job('a', 1)]]);
  client.setQueryData(jobsQuery({ tag: 'brain' }).queryKey, pages([job('a', 1)]) as never);
  await cache.refresh();
  expect(readAgain).toEqual([jobsQuery({}).queryKey]);
  expect(client.getQueryState(jobsQuery({ tag: 'brain' }).queryKey)).toBeUndefined();
});
