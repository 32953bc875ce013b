import { Button } from '@mantine/core';
import { useState } from 'react';
import classes from './FoldedText.module.css';

/** Texts of more characters or lines than these are folded. */
const LONG = 280;
const LINES = 5;

/** Text of others: as it is, long ones folded. */
export function FoldedText({ children: text }: { children: string }) {
  const [isOpen, setOpen] = useState(false);
  const isLong = text.length > LONG || text.split('\n', LINES + 1).length > LINES;
  return (
    <>
      <span className={classes.text} data-folded={(isLong && !isOpen) || undefined}>
        {text}
      </span>
      {isLong && (
        <Button variant="subtle" size="compact-xs" onClick={() => setOpen(!isOpen)} aria-expanded={isOpen}>
          {isOpen ? 'Show less' : 'Show all'}
        </Button>
      )}
    </>
  );
}
