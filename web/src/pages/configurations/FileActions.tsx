import { Button, CopyButton } from '@mantine/core';
import { IconCheck, IconCopy, IconDownload } from '@tabler/icons-react';
import { saveFile } from '../../components/saveFile';
import type { asDocument } from './document';
import { fileName } from './document';

/** The configuration as a file: to copy, and to keep. */
export function FileActions({ document: file }: { document: ReturnType<typeof asDocument> }) {
  const text = () => `${JSON.stringify(file, null, 2)}\n`;
  const download = () => saveFile(new Blob([text()], { type: 'application/json' }), fileName(file));
  return (
    <>
      <CopyButton value={text()} timeout={1500}>
        {({ copied, copy }) => (
          <Button
            variant="default"
            onClick={copy}
            leftSection={copied ? <IconCheck size={15} /> : <IconCopy size={15} />}
          >
            {copied ? 'Copied' : 'Copy as JSON'}
          </Button>
        )}
      </CopyButton>
      <Button variant="default" onClick={download} leftSection={<IconDownload size={15} />}>
        Download
      </Button>
    </>
  );
}
