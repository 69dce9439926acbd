import {execFileSync} from 'node:child_process';
import {describe, expect, test} from 'vitest';
import {isProgram} from '../../bench/packages.js';
import {CHECKOUT} from '../support/checkout.js';
import {cannotContain} from '../support/contained-mount.js';

const lacking = cannotContain() ?? (isProgram('cc') ? undefined : 'no C compiler');

describe.skipIf(lacking !== undefined)(
  `the short bench${lacking === undefined ? '' : `: ${lacking}`}`,
  () => {
    test('holds the kernel and fuseward against each other on one image', () => {
      const args = ['--short', '--lines', 'walk|idle', '--only', 'kernel ext4', '--only', 'fuseward'];
      const text = execFileSync(process.execPath, ['test/support/start.mjs', 'bench/run.ts', ...args], {
        cwd: CHECKOUT,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const rows = text.split('\n').filter((line) => line.startsWith('| '));
      expect(rows[0]).toContain('| kernel ext4 | fuseward |');
      const number = String.raw`[\d.,]+`;
      expect(rows[2]).toMatch(
        new RegExp(`^\\| walk of 2,000 files, cold, s \\| ${number} \\| ${number} \\|`),
      );
      expect(rows[3]).toMatch(new RegExp(`^\\| the same walk, warm, s \\| ${number} \\| ${number} \\|`));
      expect(rows[4]).toMatch(new RegExp(`^\\| server memory, idle, MiB \\| – \\| ${number} \\|`));
    });
  },
);
