import { unescapePointer, valueAt } from './check';
import { shownValue } from './draft';

const LISTS: Record<string, string> = { step_configurations: 'Step', metadata_configurations: 'field' };
const FIELDS: Record<string, string> = { step_configurations: 'steps', metadata_configurations: 'metadata' };

/** Where a pointer points, as people say it: `Step 3 “left”, field 1 “Volume”: units`. */
export function placeWords(document: unknown, pointer: string): string {
  const parts = pointer.split('/').slice(1).map(unescapePointer);
  const places: string[] = [];
  let path = '';
  let last = '';
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at] ?? '';
    path += `/${pointer.split('/')[at + 1]}`;
    const noun = LISTS[part];
    const index = parts[at + 1];
    if (noun !== undefined && index !== undefined) {
      at += 1;
      path += `/${index}`;
      const named = valueAt(document, path);
      const name = shownValue(valueAt(named, '/tag') ?? valueAt(named, '/name'));
      places.push(`${noun} ${Number(index) + 1}${name === '' ? '' : ` “${shortened(name)}”`}`);
    } else {
      last = FIELDS[part] ?? part;
    }
  }
  const place = places.join(', ');
  const words = place === '' || last === '' ? place + last : `${place}: ${last}`;
  return words === '' ? 'The whole' : words.charAt(0).toUpperCase() + words.slice(1);
}

function shortened(name: string): string {
  const characters = [...name];
  return characters.length > 30 ? `${characters.slice(0, 29).join('')}…` : name;
}
