/** Versions as the server orders them: SemVer 2.0, but every release after every pre-release. */

const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$/;
/** The server keeps the three numbers in 64 bits. */
const GREATEST = 2n ** 64n - 1n;

export type SemVer = { numbers: [bigint, bigint, bigint]; pre: string[] };

/** The parts of a version; null if it is none. */
export function parseVersion(text: string): SemVer | null {
  const match = SEMVER.exec(text);
  if (match === null) {
    return null;
  }
  const [, major = '', minor = '', patch = '', pre] = match;
  const numbers: SemVer['numbers'] = [BigInt(major), BigInt(minor), BigInt(patch)];
  return numbers.some(number => number > GREATEST) ? null : { numbers, pre: pre?.split('.') ?? [] };
}

/** Negative if `a` comes before `b`, 0 for equal precedence. What is no version comes before all. */
export function compareVersions(a: string, b: string): number {
  const left = parseVersion(a);
  const right = parseVersion(b);
  if (left === null || right === null) {
    return Number(left !== null) - Number(right !== null);
  }
  return (
    Number(left.pre.length === 0) - Number(right.pre.length === 0) ||
    compareLists(left.numbers, right.numbers, (x, y) => Number(x > y) - Number(x < y)) ||
    compareLists(left.pre, right.pre, compareIdentifiers)
  );
}

function compareLists<T>(a: T[], b: T[], compare: (x: T, y: T) => number): number {
  for (const [index, item] of a.entries()) {
    const other = b[index];
    if (other === undefined) {
      return 1;
    }
    const order = compare(item, other);
    if (order !== 0) {
      return order;
    }
  }
  return a.length - b.length;
}

function compareIdentifiers(a: string, b: string): number {
  const [aIsNumber, bIsNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (aIsNumber && bIsNumber) {
    return a.length - b.length || Number(a > b) - Number(a < b);
  }
  return Number(bIsNumber) - Number(aIsNumber) || Number(a > b) - Number(a < b);
}

/** The highest first; of equal precedence the one registered later. */
export function newestFirst<T extends { version: string; created_at: string }>(versions: readonly T[]): T[] {
  return [...versions].sort(
    (a, b) =>
      compareVersions(b.version, a.version) ||
      Number(b.created_at > a.created_at) - Number(b.created_at < a.created_at),
  );
}

export type NextVersions = { patch: string; minor: string; major: string };

/** The next free version for a correction, an addition and a break. `base` may be no version at all. */
export function nextVersions(base: string, taken: readonly string[]): NextVersions {
  const [major, minor, patch] = parseVersion(base)?.numbers ?? [0n, 0n, 0n];
  const isFree = (version: string) => !taken.includes(version);
  const firstFree = (version: (step: bigint) => string) => {
    let step = 1n;
    while (!isFree(version(step))) {
      step += 1n;
    }
    return version(step);
  };
  return {
    patch: firstFree(step => `${major}.${minor}.${patch + step}`),
    minor: firstFree(step => `${major}.${minor + step}.0`),
    major: firstFree(step => `${major + step}.0.0`),
  };
}

/** What a new version of `base` is called unless somebody says otherwise: the release of a pre-release, else one more. */
export function nextVersion(base: string, taken: readonly string[]): string {
  const parsed = parseVersion(base);
  const release = parsed?.numbers.join('.');
  if (parsed !== null && parsed.pre.length > 0 && release !== undefined && !taken.includes(release)) {
    return release;
  }
  return nextVersions(base, taken).minor;
}
