import { Button } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconPlus, IconTrash } from '@tabler/icons-react';
import type { Dispatch } from 'react';
import { flushSync } from 'react-dom';
import type { MetadataKind } from '../../../api/types';
import type { Problem } from './check';
import type { Change, DraftField, DraftStep } from './draft';
import { shownValue } from './draft';
import classes from './Form.module.css';
import { RowButton } from './RowButton';
import { messageId, TextCell } from './TextCell';

const KINDS: MetadataKind[] = ['number', 'text', 'link'];

type Props = { step: DraftStep; pointer: string; problems: readonly Problem[]; change: Dispatch<Change> };

/** What a step measures: a row for each field. */
export function MetadataRows({ step, pointer, problems, change }: Props) {
  const addField = () => {
    flushSync(() => change({ type: 'add-field', step: step.key }));
    const rows = document.querySelectorAll(`[data-step="${step.key}"] [data-field]`);
    rows[rows.length - 1]?.querySelector('input')?.focus();
  };
  return (
    <div className={classes.metadata}>
      <p className={classes.metadataHint}>
        What the step measures: events send these as <code className="mono">event_metadata</code>.
      </p>
      {step.metadata.map((field, index) => (
        <FieldRow
          key={field.key}
          step={step}
          field={field}
          index={index}
          pointer={`${pointer}/metadata_configurations/${index}`}
          problems={problems}
          change={change}
        />
      ))}
      <Button variant="subtle" size="compact-sm" leftSection={<IconPlus size={14} />} onClick={addField}>
        Add a field
      </Button>
    </div>
  );
}

function FieldRow({ step, field, index, pointer, problems, change }: Props & { field: DraftField; index: number }) {
  const at = (name: string) => problems.find(problem => problem.pointer === `${pointer}/${name}`);
  const row = { step: step.key, key: field.key };
  const set = (name: string, value: unknown) => change({ type: 'set-field', ...row, field: name, value });
  const kind = field.values.kind ?? 'text';
  const kinds = KINDS.includes(kind as MetadataKind) ? KINDS : [...KINDS, shownValue(kind)];
  const kindProblem = at('kind');
  return (
    <div className={classes.field} data-field={field.key}>
      <TextCell
        label="Name"
        value={field.values.name}
        pointer={`${pointer}/name`}
        problem={at('name')}
        onType={text => set('name', text)}
      />
      <label className={classes.cell}>
        <span className={classes.cellLabel}>Kind</span>
        <select
          className={classes.input}
          value={shownValue(kind)}
          data-pointer={`${pointer}/kind`}
          aria-invalid={kindProblem !== undefined}
          aria-describedby={kindProblem && messageId(`${pointer}/kind`)}
          onChange={event => set('kind', event.currentTarget.value)}
        >
          {kinds.map(known => (
            <option key={known}>{known}</option>
          ))}
        </select>
        {kindProblem && (
          <span className={classes.message} id={messageId(`${pointer}/kind`)}>
            {kindProblem.message}
          </span>
        )}
      </label>
      <TextCell
        label="Units"
        value={field.values.units}
        pointer={`${pointer}/units`}
        problem={at('units')}
        onType={text => set('units', text === '' ? null : text)}
      />
      <span className={classes.buttons}>
        <RowButton
          label={`Move field ${index + 1} up`}
          disabled={index === 0}
          onClick={() => change({ type: 'move-field', ...row, by: -1 })}
        >
          <IconArrowUp size={15} />
        </RowButton>
        <RowButton
          label={`Move field ${index + 1} down`}
          disabled={index === step.metadata.length - 1}
          onClick={() => change({ type: 'move-field', ...row, by: 1 })}
        >
          <IconArrowDown size={15} />
        </RowButton>
        <RowButton label={`Remove field ${index + 1}`} onClick={() => change({ type: 'remove-field', ...row })}>
          <IconTrash size={15} />
        </RowButton>
      </span>
    </div>
  );
}
