/** What a drawing takes from the page's styles: in a file it has none. */
const STYLES = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'font-size',
  'font-weight',
  'text-anchor',
  'opacity',
] as const;

const NAMESPACE = 'http://www.w3.org/2000/svg';
const LINE = 18;

/** The drawing of a chart as a file by itself, with its title and legend; null if there is none. */
export function pictureOf(panel: HTMLElement, title: string): string | null {
  const drawing = panel.querySelector<SVGSVGElement>('svg[data-chart]');
  if (drawing === null) {
    return null;
  }
  const styles = getComputedStyle(panel);
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const originals = drawing.querySelectorAll<SVGElement>('*');
  for (const [index, element] of copy.querySelectorAll<SVGElement>('*').entries()) {
    const original = originals[index];
    if (original !== undefined) {
      keepStyle(element, getComputedStyle(original));
    }
  }
  const legend = legendOf(panel);
  const { x, y, width, height } = drawing.viewBox.baseVal;
  const [above, below] = [LINE + 8, legend.length * LINE + 8];
  copy.setAttribute('xmlns', NAMESPACE);
  copy.setAttribute('font-family', styles.fontFamily);
  copy.setAttribute('viewBox', `${x} ${y - above} ${width} ${height + above + below}`);
  copy.setAttribute('height', String(height + above + below));
  const name = text(title, x + 4, y - above + LINE, styles.color);
  name.setAttribute('font-weight', '600');
  const background = shape('rect', { x, y: y - above, width, height: height + above + below });
  background.setAttribute('fill', styles.backgroundColor);
  copy.prepend(background, name);
  for (const [index, { label, colour }] of legend.entries()) {
    const top = y + height + index * LINE;
    const swatch = shape('rect', { x: x + 4, y: top + 3, width: 10, height: 10 });
    swatch.setAttribute('fill', colour);
    copy.append(swatch, text(label, x + 20, top + 12, styles.color));
  }
  return new XMLSerializer().serializeToString(copy);
}

function keepStyle(element: SVGElement, style: CSSStyleDeclaration): void {
  element.removeAttribute('class');
  for (const name of STYLES) {
    // It may name a colour of the page, which no other program knows.
    element.removeAttribute(name);
    element.style.setProperty(name, style.getPropertyValue(name));
  }
}

function legendOf(panel: HTMLElement): { label: string; colour: string }[] {
  return [...panel.querySelectorAll('[data-legend] li')].map(item => ({
    label: item.textContent ?? '',
    colour: getComputedStyle(item.querySelector('i') ?? item).color,
  }));
}

function shape(name: string, sizes: Record<string, number>): SVGElement {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(sizes)) {
    element.setAttribute(key, String(value));
  }
  return element;
}

function text(content: string, x: number, y: number, colour: string): SVGElement {
  const element = shape('text', { x, y, 'font-size': 13 });
  element.setAttribute('fill', colour);
  element.textContent = content;
  return element;
}
