import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { ApiError, answer, api } from '../../api/client';
import { readPages } from '../../api/pages';
import type { Configuration, NewConfiguration, Outlook, Page, VersionCheck } from '../../api/types';
import { newestFirst } from './semver';

export const configurationKeys = {
  all: ['configurations'] as const,
  newest: ['configurations', 'newest'] as const,
  choices: ['configurations', 'choices'] as const,
  one: (tag: string, version: string) => ['configurations', 'one', tag, version] as const,
  check: (id: string) => ['configurations', 'check', id] as const,
  outlook: (document: string) => ['configurations', 'outlook', document] as const,
  versions: (tag: string) => ['configurations', 'versions', tag] as const,
  settings: (tag: string) => ['configurations', 'settings', tag] as const,
};

/** The newest version of each tag, page by page. */
export const newestQuery = infiniteQueryOptions({
  queryKey: configurationKeys.newest,
  queryFn: ({ pageParam, signal }): Promise<Page<Configuration>> =>
    answer(api.GET('/api/v1/job-configurations', { params: { query: { cursor: pageParam } }, signal })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: page => page.next ?? undefined,
});

/** So many pages of tags are read to choose one from: 2,000 tags. */
const MOST_PAGES = 10;

/** The newest version of each tag, for choosing one. */
export const tagChoices = queryOptions({
  queryKey: configurationKeys.choices,
  queryFn: ({ signal }) =>
    readPages(
      cursor => answer(api.GET('/api/v1/job-configurations', { params: { query: { limit: 200, cursor } }, signal })),
      MOST_PAGES,
    ),
  staleTime: 30_000,
});

/** One version of a tag, or its `latest`. */
export function configurationQuery(tag: string, version: string) {
  return queryOptions({
    queryKey: configurationKeys.one(tag, version),
    queryFn: async ({ signal }): Promise<Configuration> => {
      const page = await answer(
        api.GET('/api/v1/job-configurations', { params: { query: { tag, version } }, signal }),
      );
      const [found] = page.items;
      if (found === undefined) {
        throw new ApiError(404, `There is no ${tag} ${version}.`);
      }
      return found;
    },
    // A version never changes; which one is the latest does.
    staleTime: version === 'latest' ? 2_000 : Number.POSITIVE_INFINITY,
  });
}

/** How a version compares with the release before it; null if there was none. */
export function versionCheckQuery(id: string) {
  return queryOptions({
    queryKey: configurationKeys.check(id),
    queryFn: async ({ signal }): Promise<VersionCheck | null> => {
      const found = await answer(api.GET('/api/v1/job-configurations/{id}', { params: { path: { id } }, signal }));
      return found.version_check;
    },
    // As of when it was registered.
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** What registering a document would come to, and as which version; the document as text. */
export function outlookQuery(document: string) {
  return queryOptions({
    queryKey: configurationKeys.outlook(document),
    queryFn: async ({ signal }): Promise<Outlook & { version: string }> => {
      const body = JSON.parse(document) as NewConfiguration;
      const outlook = await answer(api.POST('/api/v1/job-configurations/check', { body, signal }));
      return { ...outlook, version: body.version };
    },
    // Advice: registering tells what is wrong.
    retry: false,
    gcTime: 0,
  });
}

export type KnownVersion = Pick<Configuration, 'version' | 'created_at'>;

/** All versions of a tag, the newest by precedence first. */
export function versionsQuery(tag: string) {
  return queryOptions({
    queryKey: configurationKeys.versions(tag),
    queryFn: async ({ signal }): Promise<KnownVersion[]> => {
      const found = await readPages(cursor =>
        answer(api.GET('/api/v1/job-configurations', { params: { query: { tag, cursor, limit: 200 } }, signal })),
      );
      return newestFirst(found.map(({ version, created_at }) => ({ version, created_at })));
    },
  });
}

/** What is set for all versions of a tag. */
export function settingsQuery(tag: string) {
  return queryOptions({
    queryKey: configurationKeys.settings(tag),
    queryFn: ({ signal }) =>
      answer(api.GET('/api/v1/configuration-settings/{tag}', { params: { path: { tag } }, signal })),
  });
}

/** How often expected ends of a version held. */
export function calibrationQuery(tag: string, version: string) {
  return queryOptions({
    queryKey: ['configurations', 'calibration', tag, version],
    queryFn: ({ signal }) =>
      answer(api.GET('/api/v1/analytics/calibration', { params: { query: { tag, version } }, signal })),
    staleTime: 60_000,
  });
}

/** The JSON Schema of a configuration. It changes with the server only. */
export const schemaQuery = queryOptions({
  queryKey: ['configuration-schema'],
  queryFn: ({ signal }) => answer(api.GET('/api/v1/job-configurations/schema', { signal })) as Promise<object>,
  staleTime: Number.POSITIVE_INFINITY,
});
