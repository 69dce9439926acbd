import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, expect, test, vi} from 'vitest';
import {machineFeatures} from '../../../src/launch/features.js';
import {loadPolicy} from '../../../src/policy/index.js';
import {cannotContain} from '../../support/contained-mount.js';

const place = vi.hoisted(() => ({directory: ''}));
vi.mock('../../../src/policy/policy-files.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../../src/policy/policy-files.js')>();
  return {
    ...original,
    get POLICY_DIRECTORY() {
      return place.directory;
    },
  };
});

afterAll(() => rmSync(place.directory, {recursive: true, force: true}));

const missing = process.geteuid?.() === 0 ? cannotContain() : 'not root';

test.skipIf(missing)(
  `what the machine has is found whatever is wrong with the policy${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    place.directory = mkdtempSync(join(tmpdir(), 'fuseward-features-'));
    writeFileSync(join(place.directory, 'defaults.toml'), 'loop = 7\n');
    expect(() => loadPolicy(undefined)).toThrow('loop');
    const found = machineFeatures().find(({name}) => name === 'bubblewrap');
    expect(found).toMatchObject({
      state: 'ok',
      meaning: 'a trial sandbox started, with the limits of a server',
    });
  },
);
