import { Alert, Anchor, Button, Group, Modal, Select, Stack, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { answer, api, fieldErrors } from '../../api/client';
import { jobKeys } from '../../api/queries';
import type { Customer } from '../../api/types';
import { notify } from '../../app/notify';
import { FormProblem } from '../../components/FormProblem';
import { useFocusBack } from '../../components/useFocusBack';
import { tagChoices } from '../configurations/queries';
import { customerLabel } from '../customers/customer';
import { customerChoices } from '../customers/queries';

const FIELDS = ['tag', 'provider_job_id', 'provider_job_name', 'customer_id', 'customer_email'] as const;

/** Opens a job by hand, as a program would with `POST /jobs`. */
export function OpenJob({ onClose }: { onClose: () => void }) {
  useFocusBack();
  const configurations = useQuery(tagChoices);
  const customers = useQuery(customerChoices);
  const navigate = useNavigate();
  const client = useQueryClient();
  const [tag, setTag] = useState<string | null>(null);
  const [id, setId] = useState('');
  const [name, setName] = useState('');
  const [email, setEmail] = useState<string | null>(null);
  const opening = useMutation({
    mutationFn: () => {
      const customer = (customers.data ?? []).find(one => one.email === email);
      const provider_job_name = name.trim() === '' ? null : name.trim();
      const body = { tag: tag ?? '', provider_job_id: id.trim(), provider_job_name, ...addressee(customer) };
      return answer(api.POST('/api/v1/jobs', { body }));
    },
    onSuccess: job => {
      notify({ message: `${job.provider_job_name} is open.` });
      void client.invalidateQueries({ queryKey: jobKeys.lists });
    },
  });
  const [missing, setMissing] = useState<Record<string, string>>({});
  const problems = { ...(opening.isError ? fieldErrors(opening.error, FIELDS) : {}), ...missing };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const next = whatIsMissing(tag, id);
    setMissing(next);
    if (Object.keys(next).length === 0) {
      // Not for somebody who has closed this meanwhile.
      opening.mutate(undefined, {
        onSuccess: job => void navigate({ to: '/jobs/$jobId', params: { jobId: job.id } }),
      });
    }
  };
  const kinds = (configurations.data ?? []).map(one => ({ value: one.tag, label: `${one.name} · ${one.tag}` }));
  return (
    <Modal opened onClose={onClose} title="Open a job">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem>{problems['']}</FormProblem>
          <Select
            label="Configuration"
            description="Its newest version is used."
            placeholder="Choose"
            data={kinds}
            value={tag}
            onChange={setTag}
            error={problems.tag ?? (configurations.isError ? 'They could not be loaded.' : undefined)}
            nothingFoundMessage={configurations.isPending ? 'Loading …' : 'No such configuration'}
            limit={200}
            required
            searchable
            data-autofocus
          />
          {configurations.data?.length === 0 && (
            <Alert color="gray">
              There is no configuration yet: it says which steps the job has.{' '}
              <Anchor component={Link} to="/configurations/new">
                Make the first
              </Anchor>
            </Alert>
          )}
          <TextInput
            label="Your own id of the job"
            description="Your program names it in every event."
            styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
            maxLength={200}
            required
            value={id}
            onChange={event => setId(event.currentTarget.value)}
            error={problems.provider_job_id}
          />
          <TextInput
            label="Name"
            description="What people call it; without one, the configuration's."
            maxLength={200}
            value={name}
            onChange={event => setName(event.currentTarget.value)}
            error={problems.provider_job_name}
          />
          <Select
            label="Customer"
            description="Who may watch it."
            placeholder="Nobody, only you see it"
            data={(customers.data ?? []).map(one => ({ value: one.email, label: customerLabel(one) }))}
            value={email}
            onChange={setEmail}
            error={problems.customer_id ?? problems.customer_email}
            nothingFoundMessage={customers.isPending ? 'Loading …' : 'No such customer'}
            limit={200}
            searchable
            clearable
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={opening.isPending}>
              Open the job
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function whatIsMissing(tag: string | null, id: string): Record<string, string> {
  return {
    ...(tag === null && { tag: 'Choose what kind of job it is.' }),
    ...(id.trim() === '' && { provider_job_id: 'Give the job an id that no other of your jobs has.' }),
  };
}

/** Somebody who has not accepted the invitation yet is named by address, and sees the job on acceptance. */
function addressee(customer: Customer | undefined) {
  if (customer === undefined) {
    return {};
  }
  return customer.customer_id === null ? { customer_email: customer.email } : { customer_id: customer.customer_id };
}
