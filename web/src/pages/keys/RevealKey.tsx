import { Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import type { ApiKey } from '../../api/types';
import { ShownOnce } from '../../components/ShownOnce';
import { Verbatim } from '../../components/Verbatim';

export type RevealedKey = ApiKey & { key: string };

/** The secret, shown this once. */
export function RevealKey({
  revealed,
  close,
  children,
}: {
  revealed: RevealedKey;
  close: () => void;
  children?: ReactNode;
}) {
  return (
    <ShownOnce title="Copy your key now" done="I have stored it" close={close}>
      <Text className="breakable">
        This is the key <strong>{revealed.note}</strong>. It is shown this once: Milepost keeps no copy. Put it where
        your programs find it and other people do not.
      </Text>
      <Verbatim label="Copy the key" wrap>
        {revealed.key}
      </Verbatim>
      <Title order={3}>For a shell</Title>
      <Verbatim label="Copy the command" wrap>
        {`export MILEPOST_API_KEY=${revealed.key}`}
      </Verbatim>
      {children}
    </ShownOnce>
  );
}
