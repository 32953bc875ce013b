import { jsonLanguage } from '@codemirror/lang-json';
import { escapePointer } from './check';

type Tree = ReturnType<typeof jsonLanguage.parser.parse>;
type SyntaxNode = Tree['topNode'];

export type Range = { from: number; to: number };
export type Positions = {
  /** Where each value is, by its JSON pointer. */
  values: Map<string, Range>;
  /** Names that an object has more than once, where they are repeated. */
  repeated: Range[];
  /** Where the text stops being JSON; null if it does not. */
  broken: Range | null;
};

/** Finds the values in JSON text that may be unfinished. */
export function findPositions(text: string, tree: Tree = jsonLanguage.parser.parse(text)): Positions {
  const positions: Positions = { values: new Map(), repeated: [], broken: null };
  const [root] = childrenOf(tree.topNode).filter(node => !node.type.isError);
  if (root !== undefined) {
    visit(text, root, '', positions);
  }
  tree.iterate({
    enter: node => {
      if (node.type.isError) {
        positions.broken ??= { from: node.from, to: Math.max(node.to, Math.min(node.from + 1, text.length)) };
      }
    },
  });
  return positions;
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    children.push(child);
  }
  return children;
}

function visit(text: string, node: SyntaxNode, pointer: string, positions: Positions): void {
  positions.values.set(pointer, { from: node.from, to: node.to });
  if (node.name === 'Array') {
    const items = childrenOf(node).filter(child => /^(Object|Array|String|Number|True|False|Null)$/.test(child.name));
    for (const [index, item] of items.entries()) {
      visit(text, item, `${pointer}/${index}`, positions);
    }
  } else if (node.name === 'Object') {
    const names = new Set<string>();
    for (const property of childrenOf(node).filter(child => child.name === 'Property')) {
      const { firstChild: nameNode, lastChild: value } = property;
      const name = nameNode?.name === 'PropertyName' ? unquoted(text.slice(nameNode.from, nameNode.to)) : null;
      if (name === null || nameNode === null || value === null) {
        continue;
      }
      if (names.has(name)) {
        positions.repeated.push({ from: nameNode.from, to: nameNode.to });
      }
      names.add(name);
      visit(text, value, `${pointer}/${escapePointer(name)}`, positions);
    }
  }
}

function unquoted(text: string): string | null {
  try {
    return String(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Where a problem is shown: at its value, or at the beginning of what should have it. */
export function rangeOf({ values }: Positions, pointer: string): Range {
  const exact = values.get(pointer);
  if (exact !== undefined) {
    return exact;
  }
  let holder = pointer;
  while (holder !== '' && !values.has(holder)) {
    holder = holder.slice(0, holder.lastIndexOf('/'));
  }
  const from = values.get(holder)?.from ?? 0;
  return { from, to: from + 1 };
}
