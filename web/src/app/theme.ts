import { createTheme, type MantineColorsTuple, rem } from '@mantine/core';

/** The one accent: a calm blue. Everything else is grey, but for what is said of a status. */
const accent: MantineColorsTuple = [
  '#eef4fb',
  '#dce7f4',
  '#b7cde8',
  '#8fb1dc',
  '#6c99d0',
  '#4f83c1',
  '#3a6ea8',
  '#2f5d8c',
  '#254a70',
  '#1a3653',
];

/** The greys of the dark scheme are those of its panels and lines, not Mantine's warmer ones. */
const dark: MantineColorsTuple = [
  '#d0d4da',
  '#b6bcc6',
  '#a3abb8',
  '#6f7783',
  '#464c56',
  '#363a41',
  '#282b31',
  '#1d1f23',
  '#17191c',
  '#141518',
];

export const theme = createTheme({
  primaryColor: 'accent',
  primaryShade: { light: 7, dark: 6 },
  colors: { accent, dark },
  autoContrast: true,
  luminanceThreshold: 0.35,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  defaultRadius: 'sm',
  fontSizes: { xs: rem(12), sm: rem(13.5), md: rem(14.5), lg: rem(17), xl: rem(20) },
  headings: {
    fontWeight: '600',
    sizes: { h1: { fontSize: rem(22) }, h2: { fontSize: rem(17) }, h3: { fontSize: rem(14.5) } },
  },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Table: { defaultProps: { verticalSpacing: 7, horizontalSpacing: 14 } },
    Button: { defaultProps: { size: 'sm' } },
    Tooltip: { defaultProps: { openDelay: 250, withArrow: true } },
    InputWrapper: { defaultProps: { styles: { description: { lineHeight: 1.4 } } } },
    Modal: {
      defaultProps: {
        size: 480,
        closeButtonProps: { 'aria-label': 'Close' },
        styles: { title: { fontWeight: 600, fontSize: rem(17) } },
      },
    },
    Paper: { defaultProps: { withBorder: true, p: 'md' } },
  },
});
