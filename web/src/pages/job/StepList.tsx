import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { memo, useLayoutEffect, useRef, useState } from 'react';
import type { Distribution, JobStep } from '../../api/types';
import { StepRow } from './StepRow';
import classes from './Steps.module.css';

/** The distributions by step and name. */
export type Spreads = Map<string, Map<string, Distribution>>;

type Props = { steps: JobStep[]; spreads: Spreads };

/** Of more steps than these only those in sight are drawn. */
const MANY = 60;

export function StepList(props: Props) {
  return props.steps.length > MANY ? <ManySteps {...props} /> : <FewSteps {...props} />;
}

/** An event changes one step of many. */
const Row = memo(StepRow);

function FewSteps({ steps, spreads }: Props) {
  return (
    <ol className={classes.steps}>
      {steps.map((step, index) => (
        <li key={step.tag} className={classes.step} data-status={step.status}>
          <Row step={step} number={index + 1} spreads={spreads.get(step.tag)} />
        </li>
      ))}
    </ol>
  );
}

function ManySteps({ steps, spreads }: Props) {
  const list = useRef<HTMLOListElement>(null);
  const [top, setTop] = useState(0);
  // What stands above the list comes and goes: an error, a longer sentence.
  useLayoutEffect(() => {
    const above = (list.current?.getBoundingClientRect().top ?? 0) + window.scrollY;
    setTop(known => (Math.abs(known - above) < 1 ? known : above));
  });
  const virtual = useWindowVirtualizer({
    count: steps.length,
    estimateSize: () => 62,
    getItemKey: index => steps[index]?.tag ?? index,
    overscan: 8,
    scrollMargin: top,
  });
  return (
    <ol className={classes.steps} ref={list} style={{ height: virtual.getTotalSize(), position: 'relative' }}>
      {virtual.getVirtualItems().map(item => {
        const step = steps[item.index];
        return (
          step !== undefined && (
            <li
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              aria-setsize={steps.length}
              aria-posinset={item.index + 1}
              className={classes.step}
              data-status={step.status}
              data-floating
              style={{ transform: `translateY(${item.start - top}px)` }}
            >
              <Row step={step} number={item.index + 1} spreads={spreads.get(step.tag)} />
            </li>
          )
        );
      })}
    </ol>
  );
}
