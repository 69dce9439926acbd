import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {parse} from 'smol-toml';
import {expect, test} from 'vitest';
import {loadPolicy, SHIPPED_DIRECTORY, settingsList} from '../../../src/policy/index.js';
import {CHECKOUT} from '../../support/checkout.js';

const PAGE = readFileSync(join(CHECKOUT, 'docs/policy.md'), 'utf8');

test('the page has every setting with its default', () => {
  for (const {key, value} of settingsList(loadPolicy('ext4', '/nonexistent'))) {
    const row = PAGE.split('\n').find(
      (line) => line.startsWith('| ') && line.split(' | ')[0]!.includes(`\`${key}\``),
    );
    expect(row, key).toBeDefined();
    // A list of many is told in words, and what has no default has none.
    if (value === undefined || (Array.isArray(value) && value.length > 0)) continue;
    expect(row!.split(' | ')[1], key).toContain(`\`${JSON.stringify(value)}\``);
  }
});

test('the page has every key of a rule', () => {
  const shipped = parse(readFileSync(join(SHIPPED_DIRECTORY, 'examples/uploads.ext4.toml'), 'utf8'));
  const rules = shipped['allow'] as Record<string, unknown>[];
  for (const key of rules.flatMap((rule) => Object.keys(rule))) expect(PAGE).toContain(`| \`${key}\` |`);
});
