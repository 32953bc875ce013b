import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import type { RefObject } from 'react';
import { ApiError, answer, api } from '../../../api/client';
import type { Configuration, NewConfiguration } from '../../../api/types';
import { notify } from '../../../app/notify';
import { configurationKeys } from '../queries';
import type { ConflictOf } from './Conflict';
import { type Problem, valueAt } from './check';
import type { Editor } from './useEditor';

/** Registers the document and leads to it; what stands against it is shown where it stands. */
export function useSave(
  editor: Editor,
  check: (document: unknown) => Problem[],
  saved: RefObject<boolean>,
  goTo: (pointer: string) => void,
) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const register = useMutation({
    mutationFn: async (body: NewConfiguration) => {
      const call = api.POST('/api/v1/job-configurations', { body });
      const configuration = await answer(call);
      return { configuration, isNew: (await call).response.status === 201 };
    },
    onSuccess: ({ configuration: { id, tag, version, version_check }, isNew }) => {
      void client.invalidateQueries({ queryKey: configurationKeys.all });
      client.setQueryData(configurationKeys.check(id), version_check);
      notify({
        message: isNew ? `${tag} ${version} is registered.` : `${tag} ${version} exists already, unchanged.`,
      });
    },
    onError: (error, sent) => {
      if (error instanceof ApiError && error.fields.length > 0) {
        const problems = error.fields.map(({ pointer, detail }) => ({ pointer, message: sentence(detail) }));
        editor.refuse({ document: sent, problems });
        goTo(problems[0]?.pointer ?? '');
      }
    },
  });
  const lead = ({ configuration: { tag, version } }: { configuration: Configuration }) => {
    saved.current = true;
    void navigate({ to: '/configurations/$tag', params: { tag }, search: { version } });
  };
  const { error, variables: sent } = register;
  return {
    isSaving: register.isPending,
    conflict: sent !== undefined && isStill(editor.document, sent) ? conflictOf(error, sent) : null,
    /** A refusal that belongs to no field. */
    message: error === null || belongsToFields(error) ? null : messageOf(error),
    start: () => {
      const document = editor.current();
      const [first] = document === undefined ? [] : check(document);
      if (first !== undefined) {
        goTo(first.pointer);
      } else if (document !== undefined) {
        // Not for somebody who has left meanwhile.
        register.mutate(document as NewConfiguration, { onSuccess: lead });
      }
    },
  };
}

/** Whether the document still has the tag and version it was sent with. */
function isStill(document: unknown, sent: NewConfiguration): boolean {
  return valueAt(document, '/tag') === sent.tag && valueAt(document, '/version') === sent.version;
}

function conflictOf(error: Error | null, sent: NewConfiguration | undefined): ConflictOf | null {
  return error instanceof ApiError && error.status === 409 && sent !== undefined
    ? { tag: sent.tag, version: sent.version, differences: error.differences }
    : null;
}

function belongsToFields(error: Error): boolean {
  return error instanceof ApiError && (error.status === 409 || error.fields.length > 0);
}

function messageOf(error: Error): string {
  return error instanceof ApiError ? error.message : 'Something went wrong in this page. Please reload it.';
}

/** Details of the server go on after a field's name: `must be …`. Alone they are a sentence. */
function sentence(detail: string): string {
  const begun = detail.charAt(0).toUpperCase() + detail.slice(1);
  return begun.endsWith('.') ? begun : `${begun}.`;
}
