import type { NotificationData } from '@mantine/notifications';
import { lazy, Suspense, useEffect, useState } from 'react';

const library = () => import('@mantine/notifications');
const Notifications = lazy(async () => ({ default: (await library()).Notifications }));

let mount: (() => void) | undefined;

/** Says something quietly at the edge of the page. What shows it is loaded with the first time. */
export function notify(message: NotificationData): void {
  mount?.();
  void library().then(({ notifications }) => notifications.show(message));
}

/** Where {@link notify} is shown; once in the page. */
export function Messages() {
  const [isWanted, setWanted] = useState(false);
  useEffect(() => {
    mount = () => setWanted(true);
    return () => {
      mount = undefined;
    };
  }, []);
  return isWanted ? (
    <Suspense>
      <Notifications position="bottom-right" />
    </Suspense>
  ) : null;
}
