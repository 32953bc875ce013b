import { json, jsonLanguage } from '@codemirror/lang-json';
import { ensureSyntaxTree, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint';
import { Compartment, EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useComputedColorScheme } from '@mantine/core';
import { basicSetup } from 'codemirror';
import { useEffect, useRef } from 'react';
import { styleNonce } from '../../../app/nonce';
import type { Problem } from './check';
import { findPositions, rangeOf } from './positions';
import type { Target } from './useEditor';

type Props = {
  text: string;
  onChange: (text: string) => void;
  problems: Problem[];
  unreadable: string | null;
  target: Target;
  describedBy: string;
};

const colours = HighlightStyle.define([
  { tag: tags.propertyName, fontWeight: '600' },
  { tag: tags.string, color: 'var(--running)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--finished)' },
]);

const scheme = new Compartment();

function look(dark: boolean) {
  return EditorView.theme(
    {
      '&': { backgroundColor: 'var(--panel)', fontSize: '13px', maxHeight: '68vh', border: '1px solid var(--line)' },
      '&.cm-focused': { outline: '2px solid var(--mantine-primary-color-filled)' },
      '.cm-scroller': { fontFamily: 'var(--mantine-font-family-monospace)', lineHeight: '1.55' },
      '.cm-content': { caretColor: 'currentColor' },
      '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--quiet)', border: 'none' },
      '.cm-activeLine, .cm-activeLineGutter': {
        backgroundColor: 'color-mix(in srgb, var(--track) 45%, transparent)',
      },
    },
    { dark },
  );
}

/** The document as JSON text, with its problems at their lines. */
export default function JsonEditor({ text, onChange, problems, unreadable, target, describedBy }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ text, onChange });
  latest.current.onChange = onChange;
  const dark = useComputedColorScheme('light') === 'dark';

  useEffect(() => {
    const editor = new EditorView({
      parent: host.current ?? undefined,
      state: EditorState.create({
        doc: latest.current.text,
        extensions: [
          EditorView.cspNonce.of(styleNonce()),
          basicSetup,
          json(),
          lintGutter(),
          syntaxHighlighting(colours),
          scheme.of(look(false)),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({
            'aria-label': 'The configuration as JSON',
            'aria-describedby': describedBy,
          }),
          EditorView.updateListener.of(update => {
            if (update.docChanged) {
              latest.current.text = update.state.doc.toString();
              latest.current.onChange(latest.current.text);
            }
          }),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, [describedBy]);

  useEffect(() => {
    view.current?.dispatch({ effects: scheme.reconfigure(look(dark)) });
  }, [dark]);

  useEffect(() => {
    if (text !== latest.current.text) {
      view.current?.dispatch({ changes: { from: 0, to: view.current.state.doc.length, insert: text } });
    }
  }, [text]);

  useEffect(() => {
    const editor = view.current;
    if (editor !== null) {
      editor.dispatch(setDiagnostics(editor.state, diagnose(editor.state, problems, unreadable)));
    }
  }, [problems, unreadable]);

  useEffect(() => {
    const editor = view.current;
    if (editor !== null && target.count > 0) {
      const { from, to } = rangeOf(positionsIn(editor.state), target.pointer);
      editor.dispatch({
        selection: { anchor: from, head: to },
        effects: EditorView.scrollIntoView(from, { y: 'center' }),
      });
      editor.focus();
    }
  }, [target]);

  return <div ref={host} data-editor="json" />;
}

function positionsIn(state: EditorState) {
  const text = state.doc.toString();
  return findPositions(text, ensureSyntaxTree(state, state.doc.length, 500) ?? jsonLanguage.parser.parse(text));
}

function diagnose(state: EditorState, problems: Problem[], unreadable: string | null): Diagnostic[] {
  const positions = positionsIn(state);
  const end = state.doc.length;
  const within = ({ from, to }: { from: number; to: number }) => ({
    from: Math.min(from, end),
    to: Math.min(to, end),
  });
  const broken: Diagnostic[] =
    unreadable === null
      ? []
      : [{ ...within(positions.broken ?? { from: end, to: end }), severity: 'error', message: unreadable }];
  return [
    ...broken,
    ...positions.repeated.map(
      (range): Diagnostic => ({ ...range, severity: 'warning', message: 'Named before; only this one counts.' }),
    ),
    ...problems.map(
      ({ pointer, message }): Diagnostic => ({
        ...firstLine(state, within(rangeOf(positions, pointer))),
        severity: 'error',
        message: `${pointer.split('/').at(-1) ?? ''}: ${message}`,
      }),
    ),
  ];
}

/** Underlines no more than a line: a problem of a long list is not one of each of its entries. */
function firstLine(state: EditorState, { from, to }: { from: number; to: number }) {
  return { from, to: Math.min(to, state.doc.lineAt(from).to) };
}
