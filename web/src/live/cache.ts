import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import { answer, api } from '../api/client';
import { jobKeys } from '../api/queries';
import type { Job, JobDetail, JobListItem, Page } from '../api/types';

/** How long changes are gathered before the server is asked for what an event does not carry: the steps. */
const GATHERING = 200;
/** How often lists are read again for jobs that they do not show yet. */
const LIST_PAUSE = 3_000;

type Lists = InfiniteData<Page<JobListItem>>;

/** Keeps what the page has read of jobs as it is on the server. */
export class LiveCache {
  readonly #changed = new Set<string>();
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #listing: ReturnType<typeof setTimeout> | undefined;
  #lastRefresh = 0;

  constructor(private readonly client: QueryClient) {}

  /** Takes in an event's job; its steps follow at once, or gathered with those of others. */
  apply(job: Job): void {
    this.client.setQueryData<JobDetail>(jobKeys.one(job.id), known => known && newer(known, job));
    if (!this.#patchLists([job])) {
      this.#refreshLists();
    }
    this.#changed.add(job.id);
    this.#gathering ??= setTimeout(
      () => void this.#refreshSteps(),
      Math.max(0, this.#lastRefresh + GATHERING - Date.now()),
    );
  }

  /** Reads everything again. */
  async refresh(): Promise<void> {
    await this.client.invalidateQueries();
  }

  dispose(): void {
    clearTimeout(this.#gathering);
    clearTimeout(this.#listing);
  }

  async #refreshSteps(): Promise<void> {
    this.#gathering = undefined;
    this.#lastRefresh = Date.now();
    const ids = [...this.#changed];
    this.#changed.clear();
    const shown = ids.filter(id => this.#isListed(id)).slice(0, 200);
    const open = ids.filter(id =>
      this.client
        .getQueryCache()
        .find({ queryKey: jobKeys.one(id) })
        ?.isActive(),
    );
    await Promise.all([
      ...open.map(id => this.client.invalidateQueries({ queryKey: jobKeys.one(id) })),
      shown.length > 0 ? this.#readRows(shown) : undefined,
    ]);
  }

  async #readRows(ids: string[]): Promise<void> {
    const query = { id: ids.join(','), steps: true, limit: ids.length };
    try {
      const page = await answer(api.GET('/api/v1/jobs', { params: { query } }));
      this.#patchLists(page.items);
    } catch {
      // The next event or the next look at the list brings them up to date.
    }
  }

  #refreshLists(): void {
    this.#listing ??= setTimeout(() => {
      this.#listing = undefined;
      void this.client.invalidateQueries({ queryKey: jobKeys.lists });
    }, LIST_PAUSE);
  }

  #isListed(id: string): boolean {
    return this.client
      .getQueriesData<Lists>({ queryKey: jobKeys.lists, type: 'active' })
      .some(([, lists]) => lists?.pages.some(page => page.items.some(job => job.id === id)));
  }

  /** Puts jobs in the place of their rows. False: one of them is in no list. */
  #patchLists(jobs: JobListItem[]): boolean {
    const byId = new Map(jobs.map(job => [job.id, job]));
    const found = new Set<string>();
    const patchRow = (row: JobListItem) => {
      const job = byId.get(row.id);
      if (job === undefined) {
        return row;
      }
      found.add(row.id);
      return newer(row, job);
    };
    this.client.setQueriesData<Lists>(
      { queryKey: jobKeys.lists },
      lists => lists && { ...lists, pages: lists.pages.map(page => ({ ...page, items: page.items.map(patchRow) })) },
    );
    return found.size === byId.size;
  }
}

/** What is known of a job with what is new of it, unless that is older. */
function newer<T extends Job>(known: T, job: Job): T {
  return job.last_sequence < known.last_sequence ? known : { ...known, ...job };
}
