import { ActionIcon, CopyButton, Group, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';

/** A button that copies a value. */
export function Copy({ value, label }: { value: string; label: string }) {
  return (
    <CopyButton value={value} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? 'Copied' : label}>
          <ActionIcon variant="subtle" color={copied ? 'teal' : 'gray'} size="sm" onClick={copy} aria-label={label}>
            {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}

/** An id: monospace, with a button that copies it. */
export function Id({ value, label = 'Copy the id' }: { value: string; label?: string }) {
  return (
    <Group gap={4} wrap="nowrap" display="inline-flex">
      <span className="mono breakable">{value}</span>
      <Copy value={value} label={label} />
    </Group>
  );
}
