import { Button, Chip, Group, SimpleGrid, Stack, Text, TextInput, Title } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { nextVersions } from '../semver';
import { sharePercent, sharesOf } from '../shares';
import type { Problem } from './check';
import { newStep, shownValue } from './draft';
import classes from './Form.module.css';
import { type RowActions, StepRow } from './StepRow';
import type { Editor } from './useEditor';

const NO_PROBLEMS: Problem[] = [];

/** The document as a form. */
export function FormEditor({
  editor,
  taken,
  base,
}: {
  editor: Editor;
  taken: readonly string[];
  base: string | null;
}) {
  const { draft, problems, steps } = editor;
  const { open, said, actions, addStep } = useRows(editor);
  const shares = useMemo(() => sharesOf(steps ?? []).map(sharePercent), [steps]);
  const byStep = useMemo(() => groupByStep(problems), [problems]);
  return (
    <Stack gap="lg">
      <HeadFields editor={editor} taken={taken} base={base} />
      <div>
        <Title order={2} mb={4}>
          Steps
        </Title>
        <Text c="var(--quiet)" size="sm" mb="xs">
          In the order they usually run. <kbd>Alt</kbd> + <kbd>↑</kbd> or <kbd>↓</kbd> moves the step you are in.
        </Text>
        {draft.steps.length > 0 && (
          <ol className={classes.steps}>
            {draft.steps.map((step, index) => (
              <StepRow
                key={step.key}
                step={step}
                index={index}
                count={draft.steps.length}
                share={shares[index] ?? ''}
                problems={byStep.get(index) ?? NO_PROBLEMS}
                isOpen={open.has(step.key)}
                actions={actions}
              />
            ))}
          </ol>
        )}
        <Button variant="default" mt="xs" leftSection={<IconPlus size={15} />} onClick={addStep} data-add-step>
          Add a step
        </Button>
        <div className={classes.said} aria-live="polite">
          {said}
        </div>
      </div>
    </Stack>
  );
}

function HeadFields({ editor, taken, base }: { editor: Editor; taken: readonly string[]; base: string | null }) {
  const { draft, change, problems } = editor;
  const field = (name: string) => ({
    value: shownValue(draft.values[name]),
    'data-pointer': `/${name}`,
    error: problems.find(problem => problem.pointer === `/${name}`)?.message,
    onChange: (event: { currentTarget: { value: string } }) =>
      change({ type: 'set', field: name, value: event.currentTarget.value }),
  });
  const next = base === null ? null : nextVersions(base, taken);
  return (
    <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="md">
      <TextInput label="Tag" description="What programs call it" autoComplete="off" {...field('tag')} />
      <TextInput label="Name" description="What people call it" autoComplete="off" {...field('name')} />
      <div>
        <TextInput label="Version" description="SemVer, such as 1.4.0" autoComplete="off" {...field('version')} />
        {next !== null && (
          <Chip.Group
            value={shownValue(draft.values.version)}
            onChange={value => change({ type: 'set', field: 'version', value })}
          >
            <Group gap={6} mt={6} wrap="wrap">
              {Object.values(next).map(version => (
                <Chip key={version} value={version} size="xs" variant="outline">
                  {version}
                </Chip>
              ))}
            </Group>
          </Chip.Group>
        )}
      </div>
    </SimpleGrid>
  );
}

/** Which rows are open, and what is done to rows as a whole: the focus stays with what is worked on. */
function useRows({ draft, change, target }: Editor) {
  const [open, setOpen] = useState<ReadonlySet<number>>(() => new Set());
  const [said, say] = useState('');
  const steps = useRef(draft.steps);
  steps.current = draft.steps;

  const actions = useMemo((): RowActions => {
    const placeOf = (key: number) => steps.current.findIndex(step => step.key === key);
    return {
      change,
      moveStep: (key, by) => {
        const focused = document.activeElement;
        flushSync(() => change({ type: 'move-step', step: key, by }));
        if (focused instanceof HTMLElement) {
          focused.focus();
        }
        say(`Now step ${placeOf(key) + 1} of ${steps.current.length}`);
      },
      removeStep: key => {
        const place = placeOf(key);
        flushSync(() => change({ type: 'remove-step', step: key }));
        const next = steps.current[place] ?? steps.current.at(-1);
        focusOn(next === undefined ? '[data-add-step]' : `[data-step="${next.key}"] input`);
        say(`Step ${place + 1} removed`);
      },
      toggle: key =>
        setOpen(known => {
          const next = new Set(known);
          return next.delete(key) ? next : next.add(key);
        }),
    };
  }, [change]);

  const addStep = () => {
    const step = newStep();
    flushSync(() => change({ type: 'add-step', step }));
    focusOn(`[data-step="${step.key}"] input`);
  };

  const show = useCallback((pointer: string) => {
    const [, place] = /^\/step_configurations\/(\d+)\/metadata_configurations/.exec(pointer) ?? [];
    const step = place === undefined ? undefined : steps.current[Number(place)];
    if (step !== undefined) {
      flushSync(() => setOpen(known => new Set(known).add(step.key)));
    }
    focusOn(`[data-pointer="${CSS.escape(pointer)}"]`);
  }, []);
  useEffect(() => {
    if (target.count > 0) {
      // The row may have to be drawn first, which an effect must not do by itself.
      queueMicrotask(() => show(target.pointer));
    }
  }, [target, show]);

  return { open, said, actions, addStep };
}

function focusOn(selector: string): void {
  const element = document.querySelector<HTMLElement>(selector);
  element?.focus();
  element?.scrollIntoView({ block: 'nearest' });
}

/** The problems of each step, by its place. */
function groupByStep(problems: readonly Problem[]): Map<number, Problem[]> {
  const groups = new Map<number, Problem[]>();
  for (const problem of problems) {
    const [, place] = /^\/step_configurations\/(\d+)/.exec(problem.pointer) ?? [];
    if (place !== undefined) {
      const group = groups.get(Number(place)) ?? [];
      group.push(problem);
      groups.set(Number(place), group);
    }
  }
  return groups;
}
