import { Burger, Button, Group, Menu, NavLink, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import {
  IconAdjustments,
  IconChartBar,
  IconChevronDown,
  IconGauge,
  IconKey,
  IconList,
  IconReport,
  IconRoute,
  IconUsers,
} from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useLocation, useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { meQuery } from '../api/queries';
import type { User } from '../api/types';
import { LiveProvider } from '../live/LiveProvider';
import { LiveLight } from './LiveLight';
import { Logo } from './Logo';
import classes from './Shell.module.css';
import { useMe, useSignOut } from './session';

const PROVIDER_PAGES = [
  { to: '/dashboard', label: 'Dashboard', icon: IconGauge },
  { to: '/jobs', label: 'Jobs', icon: IconList },
  { to: '/analytics', label: 'Analytics', icon: IconChartBar },
  { to: '/reports', label: 'Reports', icon: IconReport },
  { to: '/configurations', label: 'Configurations', icon: IconAdjustments },
  { to: '/customers', label: 'Customers', icon: IconUsers },
  { to: '/api-keys', label: 'API keys', icon: IconKey },
  { to: '/getting-started', label: 'Getting started', icon: IconRoute },
] as const;

/** What surrounds every page of somebody who is signed in. */
export function Shell() {
  const me = useMe();
  const [opened, { toggle, close }] = useDisclosure();
  const path = useLocation({ select: location => location.pathname });
  const hasPages = me.role === 'provider';
  useFollowSession(me);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes because the page changes
  useEffect(close, [path]);
  return (
    <LiveProvider userId={me.id}>
      <a className={classes.skip} href="#content">
        Skip to the content
      </a>
      <header className={classes.header}>
        <Group gap="sm" wrap="nowrap" className={classes.brand}>
          {hasPages && (
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={opened ? 'Hide the pages' : 'Show the pages'}
              aria-expanded={opened}
              aria-controls="pages"
            />
          )}
          <Logo />
        </Group>
        <Group gap="md" wrap="nowrap" className={classes.tools}>
          <LiveLight />
          <Account me={me} />
        </Group>
      </header>
      <div className={classes.body}>
        {hasPages && (
          <nav id="pages" className={classes.pages} data-opened={opened} aria-label="Pages">
            {PROVIDER_PAGES.map(({ to, label, icon: Icon }) => (
              <NavLink
                key={to}
                component={Link}
                to={to}
                label={label}
                active={path === to || path.startsWith(`${to}/`)}
                leftSection={<Icon size={17} stroke={1.7} />}
              />
            ))}
          </nav>
        )}
        <main id="content" tabIndex={-1} className={classes.main}>
          <div className={classes.content}>
            <Outlet />
          </div>
        </main>
      </div>
    </LiveProvider>
  );
}

function Account({ me }: { me: User }) {
  const signOut = useSignOut();
  return (
    <Menu position="bottom-end" width={270} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <Button variant="subtle" color="gray" size="compact-sm" miw={0} rightSection={<IconChevronDown size={14} />}>
          <span className={classes.who}>
            {me.first_name} {me.last_name}
          </span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {me.organization && <Text size="sm">{me.organization}</Text>}
          <span className="breakable">{me.email}</span>
        </Menu.Label>
        <Menu.Item component={Link} to="/profile">
          Profile and password
        </Menu.Item>
        <Menu.Item component={Link} to="/sessions">
          Sessions
        </Menu.Item>
        <Menu.Item component={Link} to="/audit-log">
          Audit log
        </Menu.Item>
        {me.role === 'customer' && (
          <Menu.Item component={Link} to="/api-keys">
            API keys
          </Menu.Item>
        )}
        <Menu.Item component="a" href="/api/docs/" target="_blank">
          API reference
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item onClick={() => void signOut()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** A session that ends, here or in another tab, leads to the sign-in and back; one of somebody else begins anew. */
function useFollowSession(shown: User) {
  const { data: me } = useQuery({ ...meQuery, refetchOnWindowFocus: 'always' });
  const client = useQueryClient();
  const router = useRouter();
  useEffect(() => {
    if (me === undefined || me?.id === shown.id) {
      return;
    }
    // What was read as the one before is not for the one who is signed in now.
    client.removeQueries({ predicate: query => query.queryKey[0] !== meQuery.queryKey[0] });
    void router.invalidate();
  }, [me, shown.id, client, router]);
}
