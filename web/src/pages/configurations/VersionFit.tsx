import { Alert, Group } from '@mantine/core';
import type { ReactNode } from 'react';
import type { VersionCheck } from '../../api/types';
import { fitWords, misfitWords, tooLarge, untold } from './versionFit';

/** The most changes that are listed; the comparison has all. */
const MOST = 5;

type Props = {
  check: VersionCheck;
  version: string;
  /** What can be done about it. */
  children?: ReactNode;
};

/** Whether a registered version is a large enough step for what it changes, and if not, why. */
export function VersionFit({ check, version, children }: Props) {
  if (check.fits) {
    return <span className="quiet">{fitWords(check, version)}</span>;
  }
  const changes = tooLarge(check);
  const more = Math.max(0, changes.length - MOST) + untold(check);
  const title = `${misfitWords(check)}; registered as ${version}.`;
  return (
    <Alert
      color="yellow"
      variant="outline"
      title={title}
      className="breakable"
      styles={{ title: { color: 'var(--warning)' } }}
    >
      {changes.length > 1 && (
        <ul style={{ margin: 0, paddingLeft: 20 }}>
          {changes.slice(0, MOST).map(({ pointer, detail, needs }) => (
            <li key={pointer}>
              {detail} <span className="quiet">({needs})</span>
            </li>
          ))}
          {more > 0 && <li>… and {more} more</li>}
        </ul>
      )}
      {children !== undefined && (
        <Group gap="xs" mt="xs">
          {children}
        </Group>
      )}
    </Alert>
  );
}
