import { Button, Stack, Text } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { answer, api, fieldErrors } from '../../api/client';
import { FormProblem } from '../../components/FormProblem';
import { saveFile } from '../../components/saveFile';

/** Everything that the server keeps of the account, to take away. */
export function ExportData() {
  const download = useMutation({
    // As it comes: with many jobs it is long, and nobody reads it here.
    mutationFn: () => answer(api.GET('/api/v1/users/me/export', { parseAs: 'blob' })),
    onSuccess: content => saveFile(content, `milepost-${new Date().toISOString().slice(0, 10)}.json`),
    gcTime: 0,
  });
  return (
    <Stack>
      <Text size="sm" c="var(--quiet)">
        Everything that Milepost keeps of you, and your jobs with all their events, in one JSON file.
      </Text>
      <FormProblem>{download.isError ? fieldErrors(download.error, [])[''] : null}</FormProblem>
      <Button
        variant="default"
        leftSection={<IconDownload size={15} />}
        loading={download.isPending}
        onClick={() => download.mutate()}
        style={{ alignSelf: 'flex-start' }}
      >
        Download my data
      </Button>
    </Stack>
  );
}
