import { Button, Collapse, Group, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Verbatim } from '../../components/Verbatim';
import { WithCode } from '../../components/WithCode';
import type { ChecklistStep } from './checklist';
import classes from './GettingStarted.module.css';
import { Tick } from './Tick';

type Props = {
  step: ChecklistStep;
  isNext: boolean;
  commands: string | null;
  note: string | null;
  /** What the page itself can do for it. */
  children: ReactNode;
};

/** A step of the checklist. What was done before is folded up; what is done while one looks stays where it is. */
export function ChecklistItem({ step, isNext, commands, note, children }: Props) {
  const [isOpen, setOpen] = useState(!step.isDone);
  return (
    <li className={classes.step} data-next={isNext || undefined}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Group gap={9} wrap="nowrap" align="flex-start">
          <span className={classes.tick}>
            <Tick isDone={step.isDone} />
          </span>
          <div>
            <Title order={2}>
              {step.title}
              {step.isOptional && <span className={classes.optional}> · if you like</span>}
            </Title>
            <Text c="var(--quiet)">{step.why}</Text>
          </div>
        </Group>
        {step.isDone && (
          <Button
            variant="subtle"
            size="compact-sm"
            flex="none"
            onClick={() => setOpen(!isOpen)}
            aria-expanded={isOpen}
            aria-label={`${isOpen ? 'Hide' : 'Show'} how: ${step.title}`}
          >
            {isOpen ? 'Hide' : 'Show'}
          </Button>
        )}
      </Group>
      <Collapse expanded={isOpen || !step.isDone}>
        <Stack gap="xs" className={classes.how}>
          <Group gap="xs" className={classes.acts}>
            {children}
          </Group>
          {note && (
            <Text size="sm">
              <WithCode>{note}</WithCode>
            </Text>
          )}
          {commands && <Verbatim label={`Copy the commands: ${step.title}`}>{commands}</Verbatim>}
        </Stack>
      </Collapse>
    </li>
  );
}
