import { Alert, Group } from '@mantine/core';
import type { ReactNode } from 'react';
import type { VersionCheck } from '../../api/types';
import { fitWords, misfitWords, tooLarge } from './versionFit';

/** The most changes that are listed; the comparison has all. */
const MOST = 5;

type Props = {
  check: VersionCheck;
  version: string;
  isRegistered: boolean;
  /** What can be done about it. */
  children?: ReactNode;
};

/** Whether a version is a large enough step for what it changes, and if not, why. */
export function VersionFit({ check, version, isRegistered, children }: Props) {
  if (check.fits) {
    return <span className="quiet">{fitWords(check, version)}</span>;
  }
  const title = `${misfitWords(check)}; ${isRegistered ? 'registered as' : 'this is'} ${version}.`;
  const changes = tooLarge(check);
  // What is not told needs no larger step than what is.
  const untold = changes.length === check.changes.length ? check.more_changes : 0;
  const more = Math.max(0, changes.length - MOST) + untold;
  return (
    <Alert color="yellow" variant="outline" title={title} className="breakable">
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
