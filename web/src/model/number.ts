/** How measured numbers are told: readable at a glance, every digit for whoever looks closer. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const large = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const usual = new Intl.NumberFormat('en', { maximumSignificantDigits: 5 });
const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** `1,797.5`, `0.1235`, `12,345,678`, `1.2 × 10⁻⁷`: five digits, but never a wrong whole number. */
export function readable(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e15 || size < 1e-4)) {
    return scientific(value);
  }
  const format = Number.isInteger(value) ? whole : size >= 10_000 ? large : usual;
  return format.format(value === 0 ? 0 : value).replace('-', '−');
}

/** `1 step`, `3 steps`: a count with its noun. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/** With its unit, where it has one. */
export function withUnits(value: string, units: string | null): string {
  return units === null || units === '' ? value : `${value} ${units}`;
}

function scientific(value: number): string {
  const [mantissa = '', exponent = ''] = value.toExponential(3).split('e');
  const digits = exponent.replace('+', '').replace('-', '⁻');
  const raised = digits.replace(/\d/g, digit => SUPERSCRIPTS[Number(digit)] ?? '');
  return `${mantissa.replace(/\.?0+$/, '').replace('-', '−')} × 10${raised}`;
}
