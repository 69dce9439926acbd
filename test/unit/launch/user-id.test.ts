import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {afterEach, describe, expect, test} from 'vitest';
import {strangersWith, unusedUserId} from '../../../src/launch/user-id.js';
import {loadPolicy} from '../../../src/policy/index.js';
import {runsSomething} from '../../../src/sys/user-processes.js';

const isRoot = process.geteuid?.() === 0;
const skipped = isRoot ? '' : ' (skipped: not root)';
/** In no range of anybody's. */
const UID = 1_879_048_193;
const children: ChildProcess[] = [];

/** A process of util-linux's setpriv(1), which says what it is told when it runs. No shell: some set back an effective id that is not the real one. */
async function started(...words: string[]): Promise<number> {
  const child = spawn('setpriv', [...words, '--clear-groups', 'cat'], {stdio: ['pipe', 'pipe', 'inherit']});
  children.push(child);
  child.stdin!.write('up');
  await once(child.stdout!, 'data');
  return child.pid!;
}

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.stdin!.end();
    if (child.exitCode === null) await once(child, 'exit');
  }
});

test('root runs something, an id of nobody nothing', () => {
  expect(runsSomething(0)).toBe(isRoot || process.getuid?.() !== 0);
  expect(runsSomething(UID)).toBe(false);
});

describe.skipIf(!isRoot)(`user ids of servers${skipped}`, () => {
  const policy = {...loadPolicy('ext4', undefined).server, uidBase: UID, uidCount: 2};

  test('one under which something runs is not taken', async () => {
    await started(`--reuid=${UID}`);
    expect(runsSomething(UID)).toBe(true);
    for (let time = 0; time < 20; time++) expect(unusedUserId(policy)).toBe(UID + 1);
  });

  test('where all are taken, it says so', async () => {
    await started(`--reuid=${UID}`);
    await started(`--reuid=${UID + 1}`);
    expect(() => unusedUserId(policy)).toThrow(`no unused user id from ${UID} to ${UID + 1}`);
  });

  test('who has one as another than his real id is a stranger, what was started is none', async () => {
    const first = await started(`--reuid=${UID}`);
    expect(strangersWith(UID, first)).toEqual([]);
    const stranger = await started('--ruid=0', `--euid=${UID}`);
    expect(runsSomething(UID + 1)).toBe(false);
    expect(strangersWith(UID, first)).toEqual([stranger]);
  });
});
