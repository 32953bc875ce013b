/** The address that a link of others may lead to: absolute http or https. Null: it stays text. */
export function safeAddress(text: string): string | null {
  if (!/^https?:\/\//i.test(text)) {
    return null;
  }
  try {
    const url = new URL(text);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}

/** An address short enough to read: its host and the end of its path. */
export function shortAddress(text: string, most = 48): string {
  const plain = text.replace(/^https?:\/\//i, '').replace(/\/$/, '');
  if (plain.length <= most) {
    return plain;
  }
  const host = plain.split('/', 1)[0] ?? '';
  const rest = Math.max(12, most - host.length - 2);
  return `${host}/…${plain.slice(-rest)}`;
}
