import { Copy } from './Copy';
import classes from './Verbatim.module.css';

type Props = {
  children: string;
  /** What the copy button says, and what the block is called. */
  label: string;
  /** Long lines are broken rather than scrolled: for links and prose, not for code. */
  wrap?: boolean;
};

/** Text to take away as it is: a command, a key, a link, a letter. */
export function Verbatim({ children, label, wrap = false }: Props) {
  return (
    <div className={classes.block}>
      {/* biome-ignore lint/a11y/useSemanticElements: it groups nothing of a form */}
      <div
        className={classes.scroll}
        role="group"
        aria-label={label.replace(/^Copy /, '')}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
        tabIndex={0}
      >
        <pre className={classes.text} data-wrap={wrap || undefined}>
          {children}
        </pre>
      </div>
      <div className={classes.copy}>
        <Copy value={children} label={label} />
      </div>
    </div>
  );
}
