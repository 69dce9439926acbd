import {execFileSync} from 'node:child_process';
import {expect, test} from 'vitest';
import {CONTENDERS} from '../../../bench/mapping/contenders.js';
import {CHECKOUT} from '../../support/checkout.js';

test('the short bench of mapping structures runs through and fills its table', () => {
  const text = execFileSync(
    process.execPath,
    ['test/support/start.mjs', 'bench/mapping-cache.ts', '--short'],
    {
      cwd: CHECKOUT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const rows = text.split('\n').filter((line) => line.startsWith('| '));
  for (const {name} of CONTENDERS) expect(rows[0]).toContain(name);
  const cells = rows.slice(2).map((row) => row.split('|').slice(3, -1));
  expect(cells).toHaveLength(2 * 12);
  for (const row of cells) {
    expect(row).toHaveLength(CONTENDERS.length);
    for (const cell of row) expect(cell).toMatch(/^ \d+(\.\d+)?( [kM])?( · \d+ \/ \d+)? $/);
  }
});
