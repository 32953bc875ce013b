// Fails if the page loads more JavaScript at first than it may, or what only some pages need. Reads what
// `npm run build` left in dist; Vite's manifest says which file imports which.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

const LIMIT = 200_000;
// Charts and editors are for the pages that show them. A chunk is recognised by texts that minifying keeps.
const LAZY = { recharts: ['recharts-'], codemirror: ['cm-editor', 'cm-content'] };

const dist = resolve(import.meta.dirname, '..', process.argv[2] ?? 'dist');

function firstLoad() {
  const manifest = JSON.parse(readFileSync(`${dist}/.vite/manifest.json`, 'utf8'));
  const files = new Set();
  const visit = name => {
    const chunk = manifest[name];
    if (files.has(chunk.file)) return;
    files.add(chunk.file);
    for (const imported of chunk.imports ?? []) visit(imported);
  };
  for (const [name, chunk] of Object.entries(manifest)) if (chunk.isEntry) visit(name);
  // What the page names itself counts too, whatever the manifest says.
  const page = readFileSync(`${dist}/index.html`, 'utf8');
  for (const [, file] of page.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)) files.add(file);
  return [...files].filter(file => file.endsWith('.js'));
}

const files = firstLoad().map(file => {
  const content = readFileSync(`${dist}/${file}`);
  const text = content.toString();
  const lazy = Object.keys(LAZY).filter(library => LAZY[library].some(mark => text.includes(mark)));
  return { file, bytes: gzipSync(content, { level: 9 }).length, lazy };
});
const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
const kilobytes = bytes => `${(bytes / 1000).toFixed(1)} kB`;

const problems = files
  .filter(({ lazy }) => lazy.length > 0)
  .map(({ file, lazy }) => `${file} is loaded at first and contains ${lazy.join(' and ')}: import it lazily`);
if (files.length === 0) problems.push('the page loads no JavaScript: has it been built?');
if (total > LIMIT) {
  const sizes = files
    .sort((one, other) => other.bytes - one.bytes)
    .map(({ file, bytes }) => `\n  ${file} ${kilobytes(bytes)}`);
  problems.push(
    `the page loads ${kilobytes(total)} of JavaScript at first, more than ${kilobytes(LIMIT)}:${sizes.join('')}`,
  );
}
for (const problem of problems) process.stderr.write(`check-size: ${problem}\n`);
if (problems.length === 0) {
  process.stdout.write(
    `The page loads ${kilobytes(total)} of compressed JavaScript at first, of ${kilobytes(LIMIT)}.\n`,
  );
}
process.exitCode = problems.length === 0 ? 0 : 1;
