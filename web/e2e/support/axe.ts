import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** What axe finds that keeps people out: `rule: target`, one line each. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations.map(({ id, impact, nodes }) => ({
      id,
      impact,
      nodes: nodes.map(node => `${node.target.join(' ')} ${node.html.slice(0, 160)} — ${node.any[0]?.message ?? ''}`),
    }));
  });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node}`));
}
