import { Button, Group, SegmentedControl, Stack, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ButtonLink } from '../../components/Links';
import { PageHeading } from '../../components/PageHeading';
import { Failed, Loading } from '../../components/States';
import { usePhone } from '../../components/usePhone';
import { InviteDialog } from '../customers/InviteDialog';
import { CreateKeyDialog } from '../keys/CreateKeyDialog';
import { beginningsQuery } from './beginnings';
import { ChecklistItem } from './ChecklistItem';
import { type Beginnings, checklist, doneOf, nextStep, type StepName } from './checklist';
import classes from './GettingStarted.module.css';
import { CHOICES, exampleOf, type FirstLanguage, noteOn, snippet } from './snippets';
import { useOnEvents } from './useOnEvents';

export function GettingStarted() {
  const beginnings = useQuery(beginningsQuery);
  const client = useQueryClient();
  const look = () => void client.invalidateQueries({ queryKey: beginningsQuery.queryKey });
  useOnEvents(1_000, () => beginnings.data?.reported === null && look());
  return (
    <>
      <PageHeading
        title="Getting started"
        lead="From nothing to a job that moves, in about ten minutes. Each step ticks itself as it arrives."
      />
      {beginnings.data ? (
        <Steps beginnings={beginnings.data} look={look} />
      ) : beginnings.isError ? (
        <Failed error={beginnings.error} retry={() => void beginnings.refetch()} />
      ) : (
        <Loading />
      )}
    </>
  );
}

function Steps({ beginnings, look }: { beginnings: Beginnings; look: () => void }) {
  const [language, setLanguage] = useState<FirstLanguage>('curl');
  const [dialog, setDialog] = useState<StepName | null>(null);
  const isPhone = usePhone();
  const steps = checklist(beginnings);
  const next = nextStep(steps);
  const example = exampleOf(location.origin, beginnings);
  const close = () => {
    setDialog(null);
    look();
  };
  return (
    <Stack maw={860}>
      <Group justify="space-between">
        <Text fw={600} role="status">
          {doneOf(steps)}
        </Text>
        <SegmentedControl
          aria-label="Language of the commands"
          size="xs"
          orientation={isPhone ? 'vertical' : 'horizontal'}
          data={CHOICES}
          value={language}
          onChange={value => setLanguage(value as FirstLanguage)}
        />
      </Group>
      <ol className={classes.steps}>
        {steps.map(step => (
          <ChecklistItem
            key={step.name}
            step={step}
            isNext={step.name === next}
            commands={snippet(step.name, language, example)}
            note={noteOn(step.name, language)}
          >
            <Act step={step.name} open={setDialog} />
          </ChecklistItem>
        ))}
      </ol>
      {next === null && beginnings.reported && <AllDone jobId={beginnings.reported.id} />}
      {dialog === 'key' && <CreateKeyDialog close={close} />}
      {dialog === 'customer' && <InviteDialog close={close} />}
    </Stack>
  );
}

/** What the page itself can do for a step. */
function Act({ step, open }: { step: StepName; open: (dialog: StepName) => void }) {
  switch (step) {
    case 'key':
      return (
        <Button size="xs" variant="default" onClick={() => open('key')}>
          Create a key
        </Button>
      );
    case 'configuration':
      return (
        <ButtonLink to="/configurations/new" size="xs" variant="default">
          Use the form instead
        </ButtonLink>
      );
    case 'customer':
      return (
        <Button size="xs" variant="default" onClick={() => open('customer')}>
          Invite a customer
        </Button>
      );
    case 'job':
    case 'event':
      return null;
  }
}

function AllDone({ jobId }: { jobId: string }) {
  return (
    <Group className={classes.done} justify="space-between">
      <Text fw={600}>That is all: your job is on its way.</Text>
      <ButtonLink to="/jobs/$jobId" params={{ jobId }}>
        Watch it live
      </ButtonLink>
    </Group>
  );
}
