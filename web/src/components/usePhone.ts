import { useMediaQuery } from '@mantine/hooks';

/** Whether there is room for a phone's layout only: tables become lists of cards. */
export function usePhone(): boolean {
  return useMediaQuery('(max-width: 47.99em)', false, { getInitialValueInEffect: false });
}
