import type { Page } from './types';

/** The items of a list page by page, at most so many pages of them: what is chosen from a menu must end somewhere. */
export async function readPages<T>(
  read: (cursor: string | undefined) => Promise<Page<T>>,
  most = Number.POSITIVE_INFINITY,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let count = 0; count < most; count += 1) {
    const page = await read(cursor);
    items.push(...page.items);
    if (page.next === null) {
      break;
    }
    cursor = page.next;
  }
  return items;
}
