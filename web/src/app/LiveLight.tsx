import { Group, Tooltip } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useLiveState } from '../live/LiveProvider';
import type { LiveState } from '../live/messages';
import classes from './LiveLight.module.css';

/** A line that is back within this is not worth a word. */
const PATIENCE = 1_500;

const SAID: Record<LiveState, { word: string; meaning: string }> = {
  connecting: { word: 'Connecting', meaning: 'Connecting to the server for live news.' },
  live: { word: 'Live', meaning: 'What you see changes as it happens.' },
  lost: { word: 'Offline', meaning: 'The connection is lost. We keep trying; nothing will be missed.' },
  'signed-out': { word: 'Signed out', meaning: 'Your session has ended.' },
};

/** Whether what one sees is live. */
export function LiveLight() {
  const state = useSettled(useLiveState());
  const { word, meaning } = SAID[state];
  return (
    <Tooltip label={meaning}>
      <Group gap={6} wrap="nowrap" className={classes.light} data-state={state} role="status" aria-live="polite">
        <span className={classes.dot} aria-hidden="true" />
        <span className={classes.word}>{word}</span>
      </Group>
    </Tooltip>
  );
}

/** The state once it has lasted a while; good news at once. */
function useSettled(state: LiveState): LiveState {
  const [settled, setSettled] = useState<LiveState>(state);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(state), state === 'live' ? 0 : PATIENCE);
    return () => clearTimeout(timer);
  }, [state]);
  return settled;
}
