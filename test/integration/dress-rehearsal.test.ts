import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {rehearseOnce} from '../../src/cli/wait-for-order/warm-up.js';
import {DEFAULT_MOUNT_POLICY, dressRehearsal} from '../../src/helper/index.js';
import type {Decision, MountFacts} from '../../src/policy/index.js';
import {readMounts} from '../../src/sys/mount-info.js';

const isRoot = process.geteuid?.() === 0;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fuseward-rehearsal-'));
});
afterEach(() => rmSync(directory, {recursive: true, force: true}));

/** What a mount would leave, were it not undone: descriptors, sockets of servers, mounts. */
function left(): unknown {
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    sockets: readdirSync(directory),
    mounts: readMounts().map(({id}) => id),
  };
}

function rehearsal(asked: MountFacts[]): Promise<unknown> {
  const decide = (facts: MountFacts): Decision => {
    asked.push(facts);
    return {allowed: false, origin: undefined, reason: 'no', considered: [], forced: []};
  };
  return dressRehearsal({
    ...{target: directory, policy: DEFAULT_MOUNT_POLICY, decide},
    controlDirectory: join(directory, 'control'),
  });
}

test('it goes as far as to the kernel, whatever policy says, and leaves nothing', async ({skip}) => {
  if (!isRoot) skip('needs root');
  const asked: MountFacts[] = [];
  // The first makes what Node keeps: its threads, and their descriptors.
  await rehearsal(asked);
  const before = left();
  // The kernel's word about a descriptor that is no fuse device: everything before that has worked.
  expect(await rehearsal(asked)).toMatchObject({code: 'kernel', errnoName: 'EINVAL'});
  expect(left()).toEqual(before);
  expect(readdirSync(join(directory, 'control'))).toEqual([]);
  expect(asked.map(({source, readOnly}) => ({kind: source.kind, readOnly}))).toEqual(
    Array(2).fill({kind: 'file', readOnly: true}),
  );
});

// What a waiting command rehearses fails in silence: it is for speed alone.
test.skipIf(!isRoot).each(['ext4', 'auto', 'raw'])(
  'a command that waits for mounts of type %s gets as far',
  async (type) => {
    const ended = await rehearseOnce(type, {policyDirectory: directory, heldPolicy: undefined});
    expect(ended).toMatchObject({code: 'kernel', errnoName: 'EINVAL'});
  },
);
