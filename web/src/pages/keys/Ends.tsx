import type { ApiKey } from '../../api/types';
import { Time } from '../../components/Time';
import classes from './Ends.module.css';
import { expiryOf } from './expiry';

/** When a key ends, with a shape and a colour where somebody has to see to it. */
export function Ends({ apiKey }: { apiKey: ApiKey }) {
  const expiry = expiryOf(apiKey, new Date());
  if (expiry !== 'soon' && expiry !== 'imminent') {
    return <Time at={apiKey.expires_at} fallback="Never" />;
  }
  return (
    <span className={classes.ends} data-expiry={expiry}>
      <svg viewBox="0 0 16 16" width="15" height="15" aria-hidden="true">
        <circle
          cx="8"
          cy="8"
          r="6"
          fill={expiry === 'imminent' ? 'currentColor' : 'none'}
          stroke="currentColor"
          strokeWidth="1.8"
        />
        <path
          d="M8 4.4V8l2.4 1.6"
          fill="none"
          stroke={expiry === 'imminent' ? 'var(--panel)' : 'currentColor'}
          strokeWidth="1.7"
        />
      </svg>
      <Time at={apiKey.expires_at} />
    </span>
  );
}
