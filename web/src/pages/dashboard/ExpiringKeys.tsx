import { Group, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { TextLink } from '../../components/Links';
import { Ends } from '../keys/Ends';
import { endingSoon } from '../keys/expiry';
import { keysQuery } from '../keys/queries';
import classes from './JobRow.module.css';
import { useNow } from './useNow';

/** The keys that end within a fortnight; nothing if there are none. */
export function ExpiringKeys() {
  const keys = useInfiniteQuery(keysQuery);
  const ending = endingSoon(keys.data?.pages.flatMap(page => page.items) ?? [], useNow());
  if (ending.length === 0) {
    return null;
  }
  return (
    <section aria-label="Keys about to end">
      <Group justify="space-between" mb={8}>
        <Title order={2}>Keys about to end</Title>
        <TextLink to="/api-keys" underline="always" size="sm">
          Rotate them
        </TextLink>
      </Group>
      <ul className={classes.rows}>
        {ending.slice(0, 5).map(key => (
          <li key={key.id} className={classes.row}>
            <div className={classes.line}>
              <span className={classes.name}>{key.note}</span>
              <span className={classes.id}>{key.prefix}…</span>
              <span className={classes.aside}>
                <Ends apiKey={key} />
              </span>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
