import { Anchor, type AnchorProps, Button, type ButtonProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { ComponentPropsWithRef } from 'react';

/** A link within the page, in a text. */
export const TextLink = createLink((props: AnchorProps & ComponentPropsWithRef<'a'>) => <Anchor {...props} />);

/** A link within the page that looks like a button. */
export const ButtonLink = createLink((props: ButtonProps & ComponentPropsWithRef<'a'>) => (
  <Button component="a" {...props} />
));
