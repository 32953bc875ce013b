import { Group, SegmentedControl, Stack, TextInput } from '@mantine/core';
import { useDeferredValue, useId, useMemo, useState } from 'react';
import type { Configuration } from '../../../api/types';
import { Copy } from '../../../components/Copy';
import { Code } from './Code';
import classes from './Snippets.module.css';
import { curlSnippets, type Language, pythonSnippets, script } from './snippets';

/** What a program sends to report a job of this configuration, to copy as it stands. */
export function Snippets({ configuration, isNewest }: { configuration: Configuration; isNewest: boolean }) {
  const [language, setLanguage] = useState<Language>('curl');
  const [typedId, setTypedId] = useState(exampleId);
  const providerJobId = useDeferredValue(typedId) || 'example';
  const languageId = useId();
  const { tag, version, step_configurations: steps } = configuration;
  const snippets = useMemo(() => {
    const url = `${location.origin}/api/v1`;
    const subject = { url, tag, version: isNewest ? null : version, providerJobId, steps };
    return language === 'curl' ? curlSnippets(subject) : pythonSnippets(subject);
  }, [tag, version, isNewest, providerJobId, steps, language]);
  return (
    <Stack gap="md">
      <Group gap="md" align="flex-end">
        <div>
          <div id={languageId} className={classes.label}>
            Language
          </div>
          <SegmentedControl
            aria-labelledby={languageId}
            value={language}
            onChange={value => setLanguage(value as Language)}
            data={[
              { value: 'curl', label: 'curl' },
              { value: 'python', label: 'Python' },
            ]}
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
        They run as they are, from top to bottom, with a write key in <code className="mono">MILEPOST_API_KEY</code>.
        Put your own values in the place of the examples.
      </p>
      {snippets.map(snippet => (
        <Code key={snippet.title} title={snippet.title} code={snippet.code} language={language} />
      ))}
      <Group gap={4}>
        <Copy value={script(snippets)} label="Copy all as one script" />
        <span>All of it as one script</span>
      </Group>
    </Stack>
  );
}

/** An id nobody has used yet, so that the snippets open a job of their own. */
function exampleId(): string {
  const random = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  return `example-${random.toString(36)}`;
}
