import { Button, Group } from '@mantine/core';
import { IconDownload, IconPhoto } from '@tabler/icons-react';
import { type ReactNode, useId, useRef, useState } from 'react';
import { saveFile } from '../saveFile';
import classes from './Charts.module.css';
import { DataRows } from './DataRows';
import { pictureOf } from './picture';
import { type DataTable, fileName, toCsv } from './table';

type Props = {
  title: string;
  /** What the chart says, in a sentence. */
  words?: ReactNode;
  /** What can be chosen for it alone. */
  controls?: ReactNode;
  /** The numbers of the chart: shown on demand, and in its file. */
  table: DataTable;
  /** What the file is called after: the title, and the period and filters of the page. */
  file: (string | null | undefined)[];
  /** Whether it can be taken as a picture. */
  hasPicture?: boolean;
  children: ReactNode;
};

/** A chart with what it says, its numbers as a table, and both to take away. */
export function ChartPanel({ title, words, controls, table, file, hasPicture = false, children }: Props) {
  const id = useId();
  const panel = useRef<HTMLElement>(null);
  const saveTable = () => {
    saveFile(
      new Blob([toCsv(table)], { type: 'text/csv;charset=utf-8' }),
      fileName(['milepost', title, ...file], 'csv'),
    );
  };
  const savePicture = () => {
    const picture = panel.current === null ? null : pictureOf(panel.current, title);
    if (picture !== null) {
      saveFile(new Blob([picture], { type: 'image/svg+xml' }), fileName(['milepost', title, ...file], 'svg'));
    }
  };
  return (
    <section ref={panel} className={classes.panel} aria-labelledby={id}>
      <div className={classes.head}>
        <h2 id={id}>{title}</h2>
        {controls}
      </div>
      {words !== undefined && <p className={classes.words}>{words}</p>}
      <div className={classes.content}>{children}</div>
      <Group className={classes.foot} gap={4} justify="space-between" align="flex-start">
        <Numbers table={table} title={title} />
        <Group gap={2}>
          {hasPicture && (
            <Take icon={<IconPhoto size={14} />} label={`${title}: download SVG`} onClick={savePicture}>
              SVG
            </Take>
          )}
          <Take icon={<IconDownload size={14} />} label={`${title}: download CSV`} onClick={saveTable}>
            CSV
          </Take>
        </Group>
      </Group>
    </section>
  );
}

function Take(props: { icon: ReactNode; label: string; onClick: () => void; children: string }) {
  return (
    <Button
      variant="subtle"
      color="gray"
      size="compact-xs"
      leftSection={props.icon}
      aria-label={props.label}
      title={props.label}
      onClick={props.onClick}
    >
      {props.children}
    </Button>
  );
}

function Numbers({ table, title }: { table: DataTable; title: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className={classes.details} onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {isOpen && <DataRows table={table} label={`${title} as a table`} />}
    </details>
  );
}
