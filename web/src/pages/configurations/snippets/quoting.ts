/** Values as source text of other languages, so that what is run is exactly what was named. */

/** One word of a POSIX shell, whatever it holds: nothing in it is expanded. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * Characters that are not seen, or that turn the direction of what is: written out, so that a name cannot make a command
 * look like another one.
 */
const HIDDEN = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

function escapeHidden(text: string): string {
  return text.replace(HIDDEN, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export type Scalar = string | number | boolean | null;
export type Entries = [name: string, value: Scalar | Entries][];

/** A JSON object on one line, as people write it. Entries rather than an object keep any name, and their order. */
export function jsonObject(entries: Entries): string {
  const members = entries.map(([name, value]) => `${jsonScalar(name)}: ${jsonValue(value)}`);
  return `{${members.join(', ')}}`;
}

function jsonValue(value: Scalar | Entries): string {
  return Array.isArray(value) ? jsonObject(value) : jsonScalar(value);
}

function jsonScalar(value: Scalar): string {
  return escapeHidden(JSON.stringify(value));
}

/** A Python literal. A JSON string is one as it stands: its escapes mean the same there. */
export function pythonLiteral(value: Scalar): string {
  switch (value) {
    case null:
      return 'None';
    case true:
      return 'True';
    case false:
      return 'False';
    default:
      return jsonScalar(value);
  }
}

/** A Python dict, over several lines where one would be too long. */
export function pythonDict(entries: Entries, indent = ''): string {
  const members = (inner: string) =>
    entries.map(([name, value]) => {
      const text = Array.isArray(value) ? pythonDict(value, inner) : pythonLiteral(value);
      return `${pythonLiteral(name)}: ${text}`;
    });
  const line = `{${members(indent).join(', ')}}`;
  if (line.length <= 80 && !line.includes('\n')) {
    return line;
  }
  const inner = `${indent}    `;
  return `{\n${members(inner)
    .map(member => `${inner}${member},\n`)
    .join('')}${indent}}`;
}
