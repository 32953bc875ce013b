import { useElementSize } from '@mantine/hooks';
import { type KeyboardEvent, type ReactNode, useRef, useState } from 'react';
import classes from './Charts.module.css';
import { shownLabels } from './scale';

/** A place on the axis: a day, a month, a bin. `lines` are what is there, for whoever points at it or listens. */
export type Slot = { key: string; short: string; title: string; lines: TipLine[] };
export type TipLine = { label: string; value: string; colour?: string };

/** What is drawn into: `x` is the middle of a slot, `y` the height of a value. */
export type Area = {
  width: number;
  height: number;
  slot: number;
  x: (index: number) => number;
  y: (v: number) => number;
};

type Props = {
  label: string;
  slots: Slot[];
  scale: { bottom?: number; top: number; ticks: number[] };
  tellTick: (value: number) => string;
  height?: number;
  /** How wide a label below the axis is, in pixels. */
  labelRoom?: number;
  children: (area: Area) => ReactNode;
};

const ABOVE = 8;
const BELOW = 20;

/**
 * The frame of a chart: its axes, and a button over every slot, which tells what is there when it is pointed at, tapped
 * or reached. One of them can be reached by tab, the others by the arrow keys from it.
 */
export function Plot({ label, slots, scale, tellTick, height = 180, labelRoom = 54, children }: Props) {
  const { ref, width } = useElementSize();
  const [shown, show] = useState<number | null>(null);
  const left = 8 + 6.6 * Math.max(...scale.ticks.map(tick => tellTick(tick).length));
  const inner = Math.max(0, width - left);
  const { bottom = 0, top } = scale;
  const slot = inner / Math.max(1, slots.length);
  const area: Area = {
    width: inner,
    height,
    slot,
    x: index => (index + 0.5) * slot,
    y: value => height - ((value - bottom) / (top - bottom)) * height,
  };
  const isNamed = shownLabels(slots.length, inner, labelRoom);
  const tip = shown === null ? undefined : slots[shown];
  return (
    <div ref={ref} className={classes.plot} style={{ height: ABOVE + height + BELOW }}>
      {width > 0 && (
        <>
          <svg
            className={classes.drawing}
            data-chart
            width={width}
            height={ABOVE + height + BELOW}
            viewBox={`${-left} ${-ABOVE} ${width} ${ABOVE + height + BELOW}`}
            aria-hidden="true"
          >
            {scale.ticks.map(tick => (
              <g key={tick}>
                <line className={classes.grid} x1={0} x2={inner} y1={area.y(tick)} y2={area.y(tick)} />
                <text className={classes.tick} x={-6} y={area.y(tick) + 4} textAnchor="end">
                  {tellTick(tick)}
                </text>
              </g>
            ))}
            {children(area)}
            {slots.map(
              ({ key, short }, index) =>
                isNamed(index) && (
                  <text
                    key={key}
                    className={classes.tick}
                    x={within(area.x(index), labelRoom / 2 - 6, inner)}
                    y={height + 15}
                    textAnchor="middle"
                  >
                    {short}
                  </text>
                ),
            )}
          </svg>
          <Slots
            label={label}
            slots={slots}
            shown={shown}
            show={show}
            box={{ left, top: ABOVE, width: inner, height }}
          />
          {tip !== undefined && shown !== null && <Tip slot={tip} at={left + area.x(shown)} width={width} />}
        </>
      )}
    </div>
  );
}

/** Not so near to an edge that it is cut off. */
function within(x: number, half: number, width: number): number {
  return width < 2 * half ? width / 2 : Math.min(Math.max(x, half), width - half);
}

type SlotsProps = {
  label: string;
  slots: Slot[];
  shown: number | null;
  show: (index: number | null) => void;
  box: { left: number; top: number; width: number; height: number };
};

function Slots({ label, slots, shown, show, box }: SlotsProps) {
  const group = useRef<HTMLDivElement>(null);
  const [reached, reach] = useState<number | null>(null);
  const stop = Math.min(reached ?? slots.length - 1, slots.length - 1);
  const move = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      show(null);
      return;
    }
    const target = { ArrowRight: stop + 1, ArrowLeft: stop - 1, Home: 0, End: slots.length - 1 }[event.key];
    const button = target === undefined ? undefined : group.current?.querySelectorAll('button')[target];
    if (button !== undefined) {
      event.preventDefault();
      button.focus();
    }
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for what is filled in
    <div
      ref={group}
      className={classes.slots}
      role="group"
      aria-label={label}
      style={box}
      onKeyDown={move}
      onPointerLeave={() => show(null)}
    >
      {slots.map((slot, index) => (
        <button
          key={slot.key}
          type="button"
          className={classes.slot}
          data-shown={index === shown || undefined}
          tabIndex={index === stop ? 0 : -1}
          aria-label={`${slot.title}: ${slot.lines.map(line => `${line.label} ${line.value}`).join(', ') || 'nothing'}`}
          onPointerEnter={() => show(index)}
          onFocus={() => {
            reach(index);
            show(index);
          }}
          onBlur={() => show(null)}
        />
      ))}
    </div>
  );
}

const TIP = 220;

function Tip({ slot: { title, lines }, at, width }: { slot: Slot; at: number; width: number }) {
  const isRight = at > width / 2;
  const room = isRight ? at - 10 : width - at - 10;
  const side = isRight ? { right: width - at + 10 } : { left: at + 10 };
  return (
    <div className={classes.tip} style={{ ...side, maxWidth: Math.min(TIP, Math.max(120, room)) }} aria-hidden="true">
      <b>{title}</b>
      {lines.map(({ label, value, colour }) => (
        <span key={label} className={classes.tipLine}>
          {colour !== undefined && <i className={classes.swatch} style={{ background: colour }} />}
          <span className={classes.tipLabel}>{label}</span>
          <span className={classes.tipValue}>{value}</span>
        </span>
      ))}
      {lines.length === 0 && <span>nothing</span>}
    </div>
  );
}
