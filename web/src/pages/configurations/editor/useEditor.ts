import { useDebouncedValue } from '@mantine/hooks';
import { useCallback, useDeferredValue, useMemo, useReducer, useState } from 'react';
import { type Problem, valueAt } from './check';
import { changeDraft, type Draft, documentOf, previewSteps, readDraft, type Values } from './draft';

export type Mode = 'form' | 'json';
/** A place to show; `count` tells two wishes for the same place apart. */
export type Target = { pointer: string; count: number };

/** How long nothing is typed before JSON is read and checked. */
const TYPING_PAUSE = 250;

const EMPTY: Draft = { values: {}, steps: [] };

/** One document, edited as a form or as JSON. Going from one to the other keeps what was typed. */
export function useEditor(beginning: Values, check: (document: unknown) => Problem[]) {
  const [first] = useState(() => asDraft(readDraft(beginning)));
  const [draft, change] = useReducer(changeDraft, first);
  const [mode, setMode] = useState<Mode>('form');
  const [text, setText] = useState('');
  const [written, setWritten] = useState<{ draft: Draft | null; text: string }>({ draft: null, text: '' });
  const [refused, setRefused] = useState<{ document: unknown; problems: Problem[] }>({
    document: null,
    problems: [],
  });
  const [target, setTarget] = useState<Target>({ pointer: '', count: 0 });
  const [noForm, setNoForm] = useState<string | null>(null);

  const settledDraft = useDeferredValue(draft);
  const [settledText] = useDebouncedValue(text, TYPING_PAUSE);
  const read = useMemo(() => readText(mode === 'json' ? settledText : null), [mode, settledText]);
  const document = mode === 'form' ? documentOf(settledDraft) : read.document;
  const problems = useMemo(
    () => (document === undefined ? [] : [...check(document), ...stillRefused(refused, document)]),
    [check, document, refused],
  );
  const steps = useMemo(() => {
    const shown = mode === 'form' ? settledDraft : readDraft(document);
    return typeof shown === 'string' ? null : previewSteps(shown);
  }, [mode, settledDraft, document]);

  const go = useCallback((pointer: string) => setTarget(({ count }) => ({ pointer, count: count + 1 })), []);
  const toJson = useCallback(() => {
    // What was typed as JSON and not changed since stays as it was typed.
    if (written.draft !== draft) {
      const fresh = JSON.stringify(documentOf(draft), null, 2);
      setText(fresh);
      setWritten({ draft, text: fresh });
    }
    setNoForm(null);
    setMode('json');
  }, [draft, written]);
  const toForm = useCallback(() => {
    if (text !== written.text) {
      const typed = readText(text);
      const next = typed.error ?? readDraft(typed.document);
      if (typeof next === 'string') {
        setNoForm(next);
        return;
      }
      change({ type: 'replace', draft: next });
      setWritten({ draft: next, text });
    }
    setNoForm(null);
    setMode('form');
  }, [text, written]);
  const type = useCallback((typed: string) => {
    setText(typed);
    setNoForm(null);
  }, []);

  return {
    mode,
    draft,
    change,
    text,
    type,
    toForm,
    toJson,
    /** Why the form cannot be shown. */
    noForm,
    /** Why the text is no JSON; null if it is. */
    unreadable: mode === 'json' ? (read.error ?? null) : null,
    /** The document as of a moment ago, for what is shown beside it. */
    document,
    problems,
    /** The steps for the preview; null as long as they cannot be told. */
    steps,
    isChanged: draft !== first || (mode === 'json' && text !== written.text),
    /** The document as it is now; undefined if it is no JSON. */
    current: () => (mode === 'form' ? documentOf(draft) : readText(text).document),
    refuse: setRefused,
    target,
    go,
  };
}

export type Editor = ReturnType<typeof useEditor>;

function asDraft(draft: Draft | string): Draft {
  return typeof draft === 'string' ? EMPTY : draft;
}

function readText(text: string | null): { document?: unknown; error?: string } {
  if (text === null) {
    return {};
  }
  try {
    return { document: JSON.parse(text) as unknown };
  } catch (error) {
    return { error: `This is no JSON yet: ${error instanceof Error ? error.message : error}` };
  }
}

/** What the server refused, as long as it is still what was sent. */
function stillRefused(refused: { document: unknown; problems: Problem[] }, document: unknown): Problem[] {
  return refused.problems.filter(({ pointer }) => {
    const [sent, now] = [valueAt(refused.document, pointer), valueAt(document, pointer)];
    return JSON.stringify(sent) === JSON.stringify(now);
  });
}
