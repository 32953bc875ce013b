import { Button, Group, Modal, Select, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { answer, api, fieldErrors } from '../../api/client';
import { jobKeys } from '../../api/queries';
import type { Job, JobDetail } from '../../api/types';
import { notify } from '../../app/notify';
import { FormProblem } from '../../components/FormProblem';
import { type JobPages, patchRows } from '../../live/lists';
import { customerChoices } from '../customers/queries';
import { type Correction, correctionOf, recipients } from './correction';

/** Lets a provider mend a job's name or give it to another customer. */
export function CorrectJob({ job }: { job: Job }) {
  const [opened, { open, close }] = useDisclosure();
  return (
    <>
      <Button variant="default" onClick={open}>
        Correct …
      </Button>
      <Modal opened={opened} onClose={close} title="Correct this job">
        <CorrectionForm job={job} close={close} />
      </Modal>
    </>
  );
}

function CorrectionForm({ job, close }: { job: Job; close: () => void }) {
  const client = useQueryClient();
  const customers = useQuery(customerChoices);
  const options = recipients(customers.data ?? [], job);
  const [name, setName] = useState(job.provider_job_name);
  const [recipient, setRecipient] = useState(options.current);
  const save = useMutation({
    mutationFn: (body: Correction) =>
      answer(api.PATCH('/api/v1/jobs/{id}', { params: { path: { id: job.id } }, body })),
    onSuccess: corrected => {
      client.setQueryData<JobDetail>(jobKeys.one(job.id), known => known && { ...known, ...corrected });
      // The rows at once, then what the correction moves into or out of the filters.
      const rows = new Map([[corrected.id, corrected]]);
      client.setQueriesData<JobPages>({ queryKey: jobKeys.lists }, lists => lists && patchRows(lists, rows));
      void client.invalidateQueries({ queryKey: jobKeys.lists });
      notify({ message: 'The job is corrected.' });
      close();
    },
  });
  const errors =
    save.error === null ? {} : fieldErrors(save.error, ['provider_job_name', 'customer_id', 'customer_email']);
  const correction = correctionOf(job, { name, recipient });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (correction === null) {
      close();
    } else {
      save.mutate(correction);
    }
  };

  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <FormProblem>{errors['']}</FormProblem>
        <TextInput
          label="Name"
          data-autofocus
          value={name}
          onChange={event => setName(event.currentTarget.value)}
          maxLength={200}
          error={errors.provider_job_name}
        />
        <Select
          label="Who can watch it"
          description="One of your customers, linked or invited. Whoever had it before no longer sees it."
          data={options.data}
          value={recipient}
          onChange={value => setRecipient(value ?? options.current)}
          searchable
          limit={100}
          allowDeselect={false}
          nothingFoundMessage="None of your customers. Invite them first."
          error={errors.customer_id ?? errors.customer_email}
          disabled={customers.isPending}
        />
        {customers.isError && (
          <Text c="var(--error)">Your customers could not be loaded: {customers.error.message}</Text>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
