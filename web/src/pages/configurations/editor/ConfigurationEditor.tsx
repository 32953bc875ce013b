import { Button, SegmentedControl, Stack, Text } from '@mantine/core';
import { lazy, Suspense, useMemo, useRef } from 'react';
import { FormProblem } from '../../../components/FormProblem';
import { PageHeading } from '../../../components/PageHeading';
import { Loading } from '../../../components/States';
import { BottomBar } from './BottomBar';
import { EXAMPLE } from './beginnings';
import { Conflict } from './Conflict';
import { newCheck } from './check';
import { readDraft, type Values } from './draft';
import { FormEditor } from './FormEditor';
import { LeaveGuard } from './LeaveGuard';
import { Notice } from './Notice';
import { Problems } from './Problems';
import { type Editor, useEditor } from './useEditor';
import { useSave } from './useSave';

const JsonEditor = lazy(() => import('./JsonEditor'));

type Props = {
  title: string;
  beginning: Values;
  schema: object;
  /** The version this one follows on, and all that are registered. */
  base: string | null;
  taken: readonly string[];
  isBlank: boolean;
};

/** Describes a kind of job, as a form or as JSON, and registers it. */
export function ConfigurationEditor({ title, beginning, schema, base, taken, isBlank }: Props) {
  const check = useMemo(() => newCheck(schema), [schema]);
  const editor = useEditor(beginning, check);
  const saved = useRef(false);
  const goTo = (pointer: string) => {
    const isInForm = document.querySelector(`[data-pointer="${CSS.escape(pointer)}"]`) !== null;
    if (editor.mode === 'form' && !isInForm && !pointer.includes('/metadata_configurations/')) {
      editor.toJson();
    }
    editor.go(pointer);
  };
  const save = useSave(editor, check, saved, goTo);
  return (
    <Stack gap="md">
      <PageHeading
        title={title}
        lead="Once registered a version never changes: what comes later is a new version."
        actions={<ModeChoice editor={editor} />}
      />
      {isBlank && !editor.isChanged && <ExampleOffer editor={editor} />}
      {editor.noForm !== null && (
        <Notice>
          <FormProblem>{`The form cannot show this yet. ${editor.noForm}`}</FormProblem>
        </Notice>
      )}
      {save.message !== null && (
        <Notice>
          <FormProblem>{`Not registered. ${save.message}`}</FormProblem>
        </Notice>
      )}
      {save.conflict !== null && <Conflict conflict={save.conflict} editor={editor} />}
      {editor.mode === 'form' ? (
        <FormEditor editor={editor} taken={taken} base={base} />
      ) : (
        <JsonPart editor={editor} />
      )}
      <Problems editor={editor} goTo={goTo} />
      <BottomBar editor={editor} isSaving={save.isSaving} save={save.start} />
      <LeaveGuard isChanged={editor.isChanged} saved={saved} />
    </Stack>
  );
}

function ModeChoice({ editor }: { editor: Editor }) {
  return (
    <SegmentedControl
      aria-label="How to edit"
      value={editor.mode}
      onChange={mode => (mode === 'json' ? editor.toJson() : editor.toForm())}
      data={[
        { value: 'form', label: 'Form' },
        { value: 'json', label: 'JSON' },
      ]}
    />
  );
}

function ExampleOffer({ editor }: { editor: Editor }) {
  const fill = () => {
    const draft = readDraft(EXAMPLE);
    if (typeof draft !== 'string') {
      editor.change({ type: 'replace', draft });
    }
  };
  return (
    <Text c="var(--quiet)">
      First time?{' '}
      <Button variant="default" size="compact-sm" onClick={fill}>
        Begin with an example
      </Button>
    </Text>
  );
}

const HINT = 'json-editor-hint';

function JsonPart({ editor }: { editor: Editor }) {
  return (
    <div>
      <Suspense fallback={<Loading lines={10} label="Loading the editor" />}>
        <JsonEditor
          text={editor.text}
          onChange={editor.type}
          problems={editor.problems}
          unreadable={editor.unreadable}
          target={editor.target}
          describedBy={HINT}
        />
      </Suspense>
      <Text id={HINT} size="sm" c="var(--quiet)" mt={4}>
        Tab leaves the editor; <kbd>Ctrl</kbd> + <kbd>]</kbd> and <kbd>[</kbd> indent. Paste a whole file here if you
        have one.
      </Text>
    </div>
  );
}
