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

/** The same for what people named: bare where it is plain, and with what is not seen written out. */
export function shellArgument(text: string): string {
  if (/^\w[\w./:=-]*$/.test(text)) {
    return text;
  }
  if (text.search(HIDDEN) < 0 && !/\p{Cc}/u.test(text)) {
    return shellWord(text);
  }
  return `$'${text.replaceAll(/[\\']|\p{Cc}/gu, octal).replace(HIDDEN, octal)}'`;
}

function octal(character: string): string {
  const bytes = [...new TextEncoder().encode(character)];
  return bytes.map(byte => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}

/** A string of TOML. A JSON string is one as it stands. */
export function tomlString(text: string): string {
  return jsonScalar(text);
}

export type Scalar = string | number | boolean | null;
export type Values = [name: string, value: Scalar][];
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

/** What may be the name of a variable or a group in most languages. */
export const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

const KEYWORDS = new Set(
  `False None True and as assert async await break class continue def del elif else except finally for from global if
  import in is lambda nonlocal not or pass raise return try while with yield __debug__`.split(/\s+/),
);

/** What stands in the parentheses of a call in Python, over several lines where one would be too long. */
export function pythonArguments(first: Scalar, named: Values, indent = ''): string {
  // Python takes other letters too, but makes some of them into others.
  if (!named.every(([name]) => IDENTIFIER.test(name) && !KEYWORDS.has(name))) {
    return `${pythonLiteral(first)}, **${pythonDict(named, indent)}`;
  }
  const words = [pythonLiteral(first), ...named.map(([name, value]) => `${name}=${pythonLiteral(value)}`)];
  const line = words.join(', ');
  return line.length <= 80 ? line : `\n${words.map(word => `${indent}    ${word},\n`).join('')}${indent}`;
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
