import {describe, expect, test} from 'vitest';
import {imageOf, lacking} from '../support/images.js';
import {run, withKernelMount} from '../support/mounts.js';
import {cannotMount, expected, skipped, withImageCopy} from '../support/oracle.js';
import {PROOFS} from '../support/proofs.js';
import {RECIPES} from '../support/recipes.js';
import {type Entry, type Snapshot, snapshot} from '../support/snapshot.js';
import {diff} from '../support/snapshot-diff.js';

/** The images that the driver is compared on, before any driver: that they are what they claim, and that a difference would be seen. */
const reason = cannotMount();
const title = skipped(reason);

describe.skipIf(reason !== undefined)(`images${title}`, () => {
  test('there are at least 25, each with a name and a feature of its own', () => {
    expect(RECIPES.length).toBeGreaterThanOrEqual(25);
    expect(new Set(RECIPES.map((recipe) => recipe.name)).size).toBe(RECIPES.length);
    expect(new Set(RECIPES.map((recipe) => recipe.feature)).size).toBe(RECIPES.length);
  });

  for (const [name, request, pattern] of PROOFS) {
    const recipe = RECIPES.find((each) => each.name === name);
    if (recipe === undefined) throw new Error(`no recipe ${name}`);
    const lack = lacking(recipe);
    test.skipIf(lack !== undefined)(`${name}: debugfs ${request} shows ${pattern}${skipped(lack)}`, () => {
      expect(run('debugfs', ['-R', request, imageOf(recipe)])).toMatch(pattern);
    });
  }

  for (const recipe of RECIPES.filter((each) => each.dirty !== undefined)) {
    const lack = lacking(recipe);
    test.skipIf(lack !== undefined)(
      `${recipe.name}: without its journal it shows less${skipped(lack)}`,
      () => {
        const unreplayed = withImageCopy(recipe, (image) => withKernelMount(image, 'ro,noload', snapshot));
        expect(diff(unreplayed, expected(recipe))).not.toEqual([]);
      },
    );
  }

  const plain = RECIPES.find((recipe) => recipe.name === 'ext4')!;

  test('two mounts of one image show the same, all of it readable', () => {
    const first = expected(plain);
    expect(diff(first, expected(plain))).toEqual([]);
    const failed = [...first.entries].filter(([, entry]) =>
      Object.values(entry).some((v) => /^!/.test(`${v}`)),
    );
    expect(failed).toEqual([]);
    expect([...first.entries.values()].filter((entry) => (entry.listing ?? 'ok') !== 'ok')).toEqual([]);
  });

  test('a change of any one field is seen', () => {
    const original = expected(plain);
    const [path, entry] = [...original.entries].find(
      ([, each]) => each.content !== null && each.data !== '',
    )!;
    for (const field of Object.keys(entry) as Array<keyof Entry>) {
      const entries = new Map(original.entries);
      entries.set(path, {...entry, [field]: changed(entry[field])});
      const lines = diff(original, {...original, entries});
      expect(lines, field).toHaveLength(1);
      expect(lines[0]).toContain(`: ${field}: `);
    }
    const statfs = original.system.statfs;
    for (const field of Object.keys(statfs) as Array<keyof typeof statfs>) {
      const system = {...original.system, statfs: {...statfs, [field]: statfs[field] + 1}};
      expect(diff(original, {...original, system}), field).toHaveLength(1);
    }
    for (const system of [
      {...original.system, label: 'x'},
      {...original.system, uuid: 'x'},
    ]) {
      expect(diff(original, {...original, system})).toHaveLength(1);
    }
  });

  test('a missing and an additional entry are seen', () => {
    const original = expected(plain);
    const less: Snapshot = {...original, entries: new Map(original.entries)};
    less.entries.delete('sizes/100');
    expect(diff(original, less)).toEqual(['sizes/100: missing in the second']);
    expect(diff(less, original)).toEqual(['sizes/100: only in the second']);
  });
});

function changed(value: Entry[keyof Entry]): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'bigint') return value + 1n;
  if (value === null) return 'something';
  return `${value}x`;
}
