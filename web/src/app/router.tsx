import { Text } from '@mantine/core';
import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
  useRouter,
} from '@tanstack/react-router';
import { ApiError } from '../api/client';
import { meQuery } from '../api/queries';
import type { User } from '../api/types';
import { ButtonLink } from '../components/Links';
import { Failed, Loading } from '../components/States';
import { AccountPage } from '../pages/account/AccountPage';
import { readAnalyticsFilter } from '../pages/analytics/filter';
import { readAuditFilter } from '../pages/audit/words';
import { readEventFilter } from '../pages/job/filter';
import { readJobFilter } from '../pages/jobs/filter';
import { readReportFilter } from '../pages/reports/filter';
import { nextOf } from './next';
import { Shell } from './Shell';

type Context = { client: QueryClient };

const root = createRootRouteWithContext<Context>()({
  component: Outlet,
  notFoundComponent: () => (
    <AccountPage title="There is no such page">
      <Text>The address may be misspelt, or what it named may have moved.</Text>
      <ButtonLink to="/" variant="default">
        Back to the start
      </ButtonLink>
    </AccountPage>
  ),
});

/** Pages for everybody. */
const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>): { next?: string } => nextOf(search.next),
  component: lazyRouteComponent(() => import('../pages/account/SignIn'), 'SignIn'),
});
const signUp = createRoute({
  getParentRoute: () => root,
  path: '/sign-up',
  component: lazyRouteComponent(() => import('../pages/account/SignUp'), 'SignUp'),
});
const invitation = createRoute({
  getParentRoute: () => root,
  path: '/invitations/$token',
  component: lazyRouteComponent(() => import('../pages/account/AcceptInvitation'), 'AcceptInvitation'),
});

/** Pages for those who are signed in; others sign in first and come back. */
const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  beforeLoad: async ({ context, location }): Promise<{ me: User }> => {
    const me = await context.client.ensureQueryData(meQuery);
    if (me === null) {
      throw redirect({ to: '/sign-in', search: location.pathname === '/' ? {} : { next: location.href } });
    }
    return { me };
  },
  component: Shell,
});

const home = createRoute({
  getParentRoute: () => signedIn,
  path: '/',
  beforeLoad: ({ context }) => {
    throw redirect({ to: context.me.role === 'provider' ? '/dashboard' : '/jobs' });
  },
});
const jobs = createRoute({
  getParentRoute: () => signedIn,
  path: '/jobs',
  validateSearch: readJobFilter,
  component: lazyRouteComponent(() => import('../pages/jobs/Jobs'), 'Jobs'),
});
const job = createRoute({
  getParentRoute: () => signedIn,
  path: '/jobs/$jobId',
  validateSearch: readEventFilter,
  component: lazyRouteComponent(() => import('../pages/job/JobPage'), 'JobPage'),
});
const profile = createRoute({
  getParentRoute: () => signedIn,
  path: '/profile',
  component: lazyRouteComponent(() => import('../pages/account/Profile'), 'Profile'),
});
const sessions = createRoute({
  getParentRoute: () => signedIn,
  path: '/sessions',
  component: lazyRouteComponent(() => import('../pages/sessions/Sessions'), 'Sessions'),
});
const auditLog = createRoute({
  getParentRoute: () => signedIn,
  path: '/audit-log',
  validateSearch: readAuditFilter,
  component: lazyRouteComponent(() => import('../pages/audit/AuditLog'), 'AuditLog'),
});

/** Pages for providers. */
const provider = createRoute({
  getParentRoute: () => signedIn,
  id: 'provider',
  beforeLoad: ({ context }) => {
    if (context.me.role !== 'provider') {
      throw redirect({ to: '/jobs' });
    }
  },
});
const dashboard = createRoute({
  getParentRoute: () => provider,
  path: '/dashboard',
  component: lazyRouteComponent(() => import('../pages/dashboard/Dashboard'), 'Dashboard'),
});
const gettingStarted = createRoute({
  getParentRoute: () => provider,
  path: '/getting-started',
  component: lazyRouteComponent(() => import('../pages/dashboard/GettingStarted'), 'GettingStarted'),
});
const configurations = createRoute({
  getParentRoute: () => provider,
  path: '/configurations',
  component: lazyRouteComponent(() => import('../pages/configurations/Configurations'), 'Configurations'),
});
const newConfiguration = createRoute({
  getParentRoute: () => provider,
  path: '/configurations/new',
  validateSearch: (search: Record<string, unknown>): { from?: string } =>
    typeof search.from === 'string' ? { from: search.from } : {},
  component: lazyRouteComponent(() => import('../pages/configurations/NewConfiguration'), 'NewConfigurationPage'),
});
const configuration = createRoute({
  getParentRoute: () => provider,
  path: '/configurations/$tag',
  // `new`, `.` and `..` are tags as good as any, but mean something else in a path. No tag has a `~`.
  params: {
    parse: ({ tag }) => ({ tag: tag.replace(/^~/, '') }),
    stringify: ({ tag }) => ({ tag: /^(new|\.{1,2})$/.test(tag) ? `~${tag}` : tag }),
  },
  validateSearch: (search: Record<string, unknown>): { version?: string; compare?: string } => ({
    ...(typeof search.version === 'string' && { version: search.version }),
    ...(typeof search.compare === 'string' && { compare: search.compare }),
  }),
  component: lazyRouteComponent(() => import('../pages/configurations/ConfigurationPage'), 'ConfigurationPage'),
});
const customers = createRoute({
  getParentRoute: () => provider,
  path: '/customers',
  component: lazyRouteComponent(() => import('../pages/customers/Customers'), 'Customers'),
});
const analytics = createRoute({
  getParentRoute: () => provider,
  path: '/analytics',
  validateSearch: readAnalyticsFilter,
  component: lazyRouteComponent(() => import('../pages/analytics/Analytics'), 'Analytics'),
});
const reports = createRoute({
  getParentRoute: () => provider,
  path: '/reports',
  validateSearch: readReportFilter,
  component: lazyRouteComponent(() => import('../pages/reports/Reports'), 'Reports'),
});
const apiKeys = createRoute({
  getParentRoute: () => signedIn,
  path: '/api-keys',
  component: lazyRouteComponent(() => import('../pages/keys/ApiKeys'), 'ApiKeys'),
});

const tree = root.addChildren([
  signIn,
  signUp,
  invitation,
  signedIn.addChildren([
    home,
    jobs,
    job,
    profile,
    sessions,
    auditLog,
    apiKeys,
    provider.addChildren([
      dashboard,
      gettingStarted,
      configurations,
      newConfiguration,
      configuration,
      customers,
      analytics,
      reports,
    ]),
  ]),
]);

/** What a page cannot go on from. What is read is read again; a part of the page itself comes only with all of it. */
function Broken({ error }: { error: unknown }) {
  const router = useRouter();
  const retry = () => (error instanceof ApiError ? void router.invalidate() : location.reload());
  return <Failed error={error} retry={retry} isPage />;
}

export function newRouter(client: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { client },
    defaultPendingComponent: () => <Loading />,
    defaultErrorComponent: Broken,
    defaultPreload: 'intent',
    scrollRestoration: true,
    // Filters read `?status=error,running`, not JSON.
    parseSearch: text => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: search => {
      const filled = Object.entries(search).filter(([, value]) => value !== undefined && value !== '');
      const text = new URLSearchParams(filled.map(([name, value]) => [name, String(value)])).toString();
      return text === '' ? '' : `?${text.replaceAll('%2C', ',')}`;
    },
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof newRouter>;
  }
}
