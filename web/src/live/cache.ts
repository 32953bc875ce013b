import type { Query, QueryClient } from '@tanstack/react-query';
import { answer, api, isTemporary } from '../api/client';
import { type JobFilter, jobKeys } from '../api/queries';
import type { Job, JobDetail, JobListItem } from '../api/types';
import { insertRows, isInRange, isLater, type JobPages, listedIds, mayFit, newer, patchRows } from './lists';

/** The least time between two requests for what an event does not carry: the steps, and whether a filter fits. */
const PAUSE = 150;
/** The same after the server could not answer. */
const PAUSE_AFTER_FAILURE = 3_000;
/** The most ids that a request may name. */
const MOST_IDS = 200;
/** How long an event may overtake the answer to a request that was sent before it. */
const OVERTAKING = 60_000;
const MOST_RECENT = 5_000;
/** So many rows on the first page have come while somebody looked: the list is read anew, from its beginning. */
const MOST_ROWS = 2_000;
/** So many of them stay until it has been. */
const KEPT = 50;

type ListQuery = Query<JobPages>;

/**
 * Keeps what the page has read of jobs as it is on the server. Rows change at once by what events carry; the rest is
 * read for the changed jobs only, gathered, and only for what can be seen. A job that a list does not show yet is
 * looked up with the list's filter and put in its place, so that no list is ever read again as a whole.
 */
export class LiveCache {
  /** The newest that events told of jobs, for answers that are older than that. */
  readonly #recent = new Map<string, { job: Job; at: number }>();
  /** Listed jobs whose steps are older than their row. */
  readonly #changed = new Set<string>();
  /** Jobs that are read as a whole and have changed. */
  readonly #changedDetails = new Set<string>();
  /** For each list the jobs that may belong to it. */
  readonly #candidates = new WeakMap<ListQuery, Set<string>>();
  readonly #unsubscribe: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isWorking = false;
  #notBefore = 0;

  constructor(
    private readonly client: QueryClient,
    private readonly isVisible: () => boolean = () => document.visibilityState === 'visible',
  ) {
    this.#unsubscribe = client.getQueryCache().subscribe(event => {
      if (event.type === 'observerAdded') {
        this.wake();
      } else if (event.type === 'updated' && event.action.type === 'success' && !event.action.manual) {
        this.#overtake(event.query);
      }
    });
  }

  /** Takes in the jobs of events, in the order they came. */
  apply(jobs: Job[]): void {
    const latest = new Map<string, Job>();
    for (const job of jobs) {
      const known = latest.get(job.id);
      latest.set(job.id, known === undefined ? job : newer(known, job));
    }
    this.#remember(latest);
    for (const query of this.#lists()) {
      this.#applyToList(query, latest);
    }
    for (const job of latest.values()) {
      this.#applyToDetail(job);
    }
    this.wake();
  }

  /** Everything that was read may be outdated. */
  async refresh(): Promise<void> {
    this.client.removeQueries({ queryKey: jobKeys.lists, type: 'inactive' });
    await this.client.invalidateQueries();
  }

  /** Goes on with what had to wait until the page is seen. */
  wake(): void {
    if (this.#timer === undefined && !this.#isWorking && this.isVisible()) {
      this.#timer = setTimeout(() => void this.#work(), Math.max(0, this.#notBefore - Date.now()));
    }
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#unsubscribe();
  }

  #lists(): ListQuery[] {
    return this.client.getQueryCache().findAll({ queryKey: jobKeys.lists }) as unknown as ListQuery[];
  }

  #applyToList(query: ListQuery, jobs: ReadonlyMap<string, Job>): void {
    const lists = query.state.data;
    if (lists === undefined) {
      return;
    }
    this.#setLists(query, patchRows(lists, jobs));
    const filter = filterOf(query);
    const listed = listedIds(lists);
    const candidates = this.#candidates.get(query) ?? new Set();
    for (const job of jobs.values()) {
      if (listed.has(job.id)) {
        this.#changed.add(job.id);
      } else if (mayFit(filter, job) && isInRange(lists, job, filter.sort)) {
        candidates.add(job.id);
      }
    }
    this.#candidates.set(query, candidates);
  }

  #applyToDetail(job: Job): void {
    const query = this.client.getQueryCache().find({ queryKey: jobKeys.one(job.id) });
    if (query !== undefined) {
      const updatedAt = query.state.dataUpdatedAt;
      this.client.setQueryData<JobDetail>(query.queryKey, known => known && newer(known, job), { updatedAt });
      this.#changedDetails.add(job.id);
    }
  }

  /** What comes in a day, and what has left the filter since, is not kept for ever. */
  #shorten(query: ListQuery): void {
    const [first] = query.state.data?.pages ?? [];
    if (first !== undefined && first.items.length > MOST_ROWS) {
      const items = first.items.slice(0, KEPT);
      this.#setLists(query, { pages: [{ items, next: null }], pageParams: [undefined] });
      void this.client.invalidateQueries({ queryKey: query.queryKey, exact: true });
    }
  }

  /** Puts rows in place without saying that the list was read just now. */
  #setLists(query: ListQuery, lists: JobPages): void {
    if (lists !== query.state.data) {
      this.client.setQueryData(query.queryKey, lists, { updatedAt: query.state.dataUpdatedAt });
    }
  }

  #remember(jobs: ReadonlyMap<string, Job>): void {
    const at = Date.now();
    for (const [id, job] of jobs) {
      // Behind all others: a map keeps the order in which its keys came.
      this.#recent.delete(id);
      this.#recent.set(id, { job, at });
    }
    for (const [id, known] of this.#recent) {
      if (known.at > at - OVERTAKING && this.#recent.size <= MOST_RECENT) {
        break;
      }
      this.#recent.delete(id);
    }
  }

  /** An answer has come that may be older than what events have told meanwhile. */
  #overtake(query: Query): void {
    const isList = query.queryKey[0] === jobKeys.lists[0] && query.queryKey[1] === jobKeys.lists[1];
    if (isList) {
      const jobs = new Map([...this.#recent].map(([id, { job }]) => [id, job]));
      const rows = (query.state.data as JobPages).pages.flatMap(page => page.items);
      for (const row of rows) {
        const known = jobs.get(row.id);
        if (known !== undefined && !isLater(known, row)) {
          jobs.delete(row.id);
        }
      }
      this.#applyToList(query as unknown as ListQuery, jobs);
      this.wake();
      return;
    }
    const id = query.queryKey[2];
    const known = typeof id === 'string' ? this.#recent.get(id) : undefined;
    if (known !== undefined && query.queryHash === JSON.stringify(jobKeys.one(known.job.id))) {
      if (isLater(known.job, query.state.data as JobDetail)) {
        this.#applyToDetail(known.job);
        this.wake();
      }
    }
  }

  async #work(): Promise<void> {
    this.#timer = undefined;
    if (!this.isVisible()) {
      return;
    }
    const active = this.#lists().filter(query => query.isActive());
    active.forEach(query => void this.#shorten(query));
    const listed = new Set(active.flatMap(query => (query.state.data ? [...listedIds(query.state.data)] : [])));
    const rows = take(this.#changed, id => listed.has(id));
    const details = take(this.#changedDetails, () => true);
    const lookUps = active
      .map(query => ({ query, ids: take(this.#candidates.get(query) ?? new Set(), () => true) }))
      .filter(({ ids }) => ids.length > 0);
    if (rows.length + details.length + lookUps.length === 0) {
      return;
    }
    this.#isWorking = true;
    const begin = Date.now();
    const successes = await Promise.all([
      this.#readRows(rows),
      ...lookUps.map(({ query, ids }) => this.#lookUp(query, ids)),
      ...details.map(id => this.client.invalidateQueries({ queryKey: jobKeys.one(id) }).then(() => true)),
    ]);
    // A server that takes long is asked less often.
    const pause = successes.every(Boolean) ? Math.max(PAUSE, 2 * (Date.now() - begin)) : PAUSE_AFTER_FAILURE;
    this.#notBefore = begin + pause;
    this.#isWorking = false;
    this.wake();
  }

  /** Reads changed rows with their steps. False: the server could not answer, and they have to be read later. */
  async #readRows(ids: string[]): Promise<boolean> {
    const rows = await readJobs(ids, {});
    if (rows === null) {
      ids.forEach(id => void this.#changed.add(id));
      return false;
    }
    const byId = new Map(rows.map(job => [job.id, job]));
    for (const query of this.#lists()) {
      if (query.state.data !== undefined) {
        this.#setLists(query, patchRows(query.state.data, byId));
      }
    }
    return true;
  }

  /** Adds those of the jobs to a list that its filter lets through. */
  async #lookUp(query: ListQuery, ids: string[]): Promise<boolean> {
    const filter = filterOf(query);
    const rows = await readJobs(ids, filter);
    if (rows === null) {
      const candidates = this.#candidates.get(query);
      ids.forEach(id => void candidates?.add(id));
      return false;
    }
    if (query.state.data !== undefined) {
      this.#setLists(query, insertRows(query.state.data, rows, filter.sort));
    }
    return true;
  }
}

/** The jobs with these ids that fit the filter, or null if the server could not be asked. */
async function readJobs(ids: string[], filter: JobFilter): Promise<JobListItem[] | null> {
  if (ids.length === 0) {
    return [];
  }
  const query = { ...filter, status: filter.status?.join(','), id: ids.join(','), steps: true, limit: ids.length };
  try {
    return (await answer(api.GET('/api/v1/jobs', { params: { query } }))).items;
  } catch (error) {
    return isTemporary(error) ? null : [];
  }
}

/** Takes at most as many as a request may name out of a set. */
function take(ids: Set<string>, isWanted: (id: string) => boolean): string[] {
  const taken = [...ids].filter(isWanted).slice(0, MOST_IDS);
  taken.forEach(id => void ids.delete(id));
  return taken;
}

function filterOf(query: ListQuery): JobFilter {
  return query.queryKey[jobKeys.lists.length] as JobFilter;
}
