import { useCallback, useSyncExternalStore } from 'react';
import { dayIn } from '../model/spans';
import { clock } from './clock';

/** The day it is in a zone. At midnight it becomes another. */
export function useToday(zone: string): string {
  return useSyncExternalStore(
    clock.subscribe,
    useCallback(() => dayIn(zone, clock.now()), [zone]),
  );
}
