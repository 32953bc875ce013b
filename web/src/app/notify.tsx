import type { NotificationData, Notifications } from '@mantine/notifications';
import { useEffect, useState } from 'react';

let mount: ((component: typeof Notifications) => void) | undefined;

/** Says something quietly at the edge of the page. What shows it is loaded with the first time. */
export function notify(message: NotificationData): void {
  void import('@mantine/notifications').then(
    ({ Notifications, notifications }) => {
      mount?.(Notifications);
      notifications.show(message);
    },
    // A server that is away, or newer than this page, does not have it: the page goes on without the message.
    () => undefined,
  );
}

/** Where {@link notify} is shown; once in the page. */
export function Messages() {
  const [component, setComponent] = useState<{ Notifications: typeof Notifications }>();
  useEffect(() => {
    mount = loaded => setComponent({ Notifications: loaded });
    return () => {
      mount = undefined;
    };
  }, []);
  return component === undefined ? null : <component.Notifications position="bottom-right" />;
}
