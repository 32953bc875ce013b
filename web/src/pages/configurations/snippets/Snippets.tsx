import { Group, SegmentedControl, Stack, TextInput } from '@mantine/core';
import { useDeferredValue, useId, useMemo, useState } from 'react';
import type { Configuration } from '../../../api/types';
import { Copy } from '../../../components/Copy';
import { usePhone } from '../../../components/usePhone';
import { WithCode } from '../../../components/WithCode';
import { Code } from './Code';
import classes from './Snippets.module.css';
import { type Language, script, WAYS } from './snippets';

/** What a program sends to report a job of this configuration, to copy as it stands. */
export function Snippets({ configuration, isNewest }: { configuration: Configuration; isNewest: boolean }) {
  const [language, setLanguage] = useState<Language>('curl');
  const [typedId, setTypedId] = useState(exampleId);
  const providerJobId = useDeferredValue(typedId) || 'example';
  const languageId = useId();
  const isPhone = usePhone();
  const { tag, version, step_configurations: steps } = configuration;
  const way = WAYS[language];
  const snippets = useMemo(
    () => way.snippets({ address: location.origin, tag, version: isNewest ? null : version, providerJobId, steps }),
    [tag, version, isNewest, providerJobId, steps, way],
  );
  return (
    <Stack gap="md">
      <Group gap="md" align="flex-end">
        <div>
          <div id={languageId} className={classes.label}>
            Language
          </div>
          <SegmentedControl
            aria-labelledby={languageId}
            orientation={isPhone ? 'vertical' : 'horizontal'}
            value={language}
            onChange={value => setLanguage(value as Language)}
            data={Object.entries(WAYS).map(([value, { label }]) => ({ value, label }))}
          />
        </div>
        <TextInput
          label="Your own id of the job"
          value={typedId}
          maxLength={200}
          onChange={event => setTypedId(event.currentTarget.value)}
        />
      </Group>
      <p className={classes.lead}>
        <WithCode>{way.lead}</WithCode>
      </p>
      {snippets.map(snippet => (
        <Code key={snippet.title} {...snippet} />
      ))}
      {way.isScript && (
        <Group gap={4}>
          <Copy value={script(snippets)} label="Copy all as one script" />
          <span>All of it as one script</span>
        </Group>
      )}
    </Stack>
  );
}

/** An id nobody has used yet, so that the snippets open a job of their own. */
function exampleId(): string {
  const random = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  return `example-${random.toString(36)}`;
}
