import type { Problem } from '../../../api/types';
import { unescapePointer } from './check';
import type { Editor } from './useEditor';

export type Difference = NonNullable<Problem['differences']>[number];

/** A difference to what is registered, in words. Pointers name steps by their tag and metadata by its name. */
export function differenceWords({ pointer, registered, sent }: Difference): string {
  const parts = pointer.split('/').slice(1).map(unescapePointer);
  const [, step, , field] = parts;
  const last = parts.at(-1) ?? '';
  if (parts.length === 1 && last === 'step_configurations') {
    return `Steps are registered in another order: ${list(registered)}; here ${list(sent)}`;
  }
  if (parts.length === 3 && last === 'metadata_configurations') {
    return `Step “${step}” has its metadata registered in another order: ${list(registered)}; here ${list(sent)}`;
  }
  const place =
    step === undefined ? '' : field === undefined ? `Step “${step}”` : `Step “${step}”, metadata “${field}”`;
  if (parts.length === 2 || parts.length === 4) {
    return registered === null ? `${place} is not registered` : `${place} is registered, and missing here`;
  }
  const words = `${last} is registered as ${value(registered)}, here ${value(sent)}`;
  return place === '' ? words.charAt(0).toUpperCase() + words.slice(1) : `${place}: ${words}`;
}

function list(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}

function value(of: unknown): string {
  return of === null ? 'none' : typeof of === 'string' ? `“${of}”` : JSON.stringify(of);
}

/** The JSON text with another version in it, the rest as it was typed. */
export function withVersion(text: string, version: string): string {
  const member = /("version"\s*:\s*)"(?:[^"\\]|\\.)*"/;
  return text.replace(member, (_, name: string) => name + JSON.stringify(version));
}

/** Makes the document another version, in the form or in the text. */
export function takeVersion(editor: Editor, version: string): void {
  if (editor.mode === 'form') {
    editor.change({ type: 'set', field: 'version', value: version });
  } else {
    editor.type(withVersion(editor.text, version));
  }
}
