import { Anchor } from '@mantine/core';
import type { ReactNode } from 'react';
import { safeAddress } from './address';

/** A link that came with data: followed only to http and https, and never with a way back to this page. */
export function ExternalLink({ href, children = href }: { href: string; children?: ReactNode }) {
  const address = safeAddress(href);
  if (address === null) {
    return <span className="breakable">{children}</span>;
  }
  return (
    <Anchor href={address} target="_blank" rel="noopener noreferrer" className="breakable" inherit>
      {children}
    </Anchor>
  );
}
