import { Group, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { ButtonLink } from '../../components/Links';
import { beginningsQuery } from './beginnings';
import { checklist, doneOf, nextStep } from './checklist';
import classes from './OpenSteps.module.css';
import { Tick } from './Tick';

/** For a new provider: what to do first, until it is done. */
export function OpenSteps() {
  const { data } = useQuery(beginningsQuery);
  const steps = data === undefined ? [] : checklist(data);
  const next = nextStep(steps);
  if (next === null) {
    return null;
  }
  return (
    <section className={classes.panel} aria-labelledby="open-steps">
      <Group justify="space-between" gap="xs">
        <Group gap="sm" align="baseline">
          <Title order={2} id="open-steps">
            Getting started
          </Title>
          <Text c="var(--quiet)">{doneOf(steps)}</Text>
        </Group>
        <ButtonLink to="/getting-started" size="xs">
          Go on
        </ButtonLink>
      </Group>
      <ol className={classes.steps}>
        {steps
          .filter(step => !step.isOptional)
          .map(step => (
            <li key={step.name} className={classes.step} aria-current={step.name === next ? 'step' : undefined}>
              <Tick isDone={step.isDone} />
              {step.title}
            </li>
          ))}
      </ol>
    </section>
  );
}
