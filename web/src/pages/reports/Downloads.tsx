import { Button, Group, Text } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { Verbatim } from '../../components/Verbatim';
import { FORMATS, type Report, type ReportQuestion, reportAddress, reportCommand } from './filter';
import classes from './Reports.module.css';

const REPORTS: { report: Report; name: string }[] = [
  { report: 'usage', name: 'Usage' },
  { report: 'events', name: 'Events' },
];

/** The reports as files, and as commands. */
export function Downloads({ question, isByVersion }: { question: ReportQuestion; isByVersion: boolean }) {
  const wanted = (format: string) => ({ question, format, isByVersion });
  return (
    <section aria-labelledby="downloads" className={classes.panel}>
      <h2 id="downloads">Take it along</h2>
      <p className={classes.words}>
        <b>Usage</b> is the table above: a row for each customer, configuration and month. <b>Events</b> has a row for
        every event, with its job, configuration and step. Period and filters are those of this page, and stand in the
        file.
      </p>
      <ul className={classes.formats}>
        {FORMATS.map(({ format, name, word }) => (
          <li key={format}>
            <span className={classes.format}>
              <b>{name}</b> <span className="quiet">{word}</span>
            </span>
            <Group gap="xs" wrap="nowrap">
              {REPORTS.map(({ report, name: what }) => (
                <Button
                  key={report}
                  component="a"
                  href={reportAddress(report, wanted(format))}
                  download
                  variant="default"
                  size="xs"
                  leftSection={<IconDownload size={14} />}
                  aria-label={`${what} as ${name}`}
                >
                  {what}
                </Button>
              ))}
            </Group>
          </li>
        ))}
      </ul>
      <Text mt="md" mb={6} fw={600}>
        The same from the command line
      </Text>
      <Verbatim label="Copy the command for the usage">{reportCommand('usage', wanted('csv'))}</Verbatim>
      <Verbatim label="Copy the command for the events">{reportCommand('events', wanted('csv'))}</Verbatim>
    </section>
  );
}
