import {expect, test} from 'vitest';
import type {CommandRunner} from '../../../src/manager/command-runner.js';
import {mountByCommand} from '../../../src/manager/mount-commands.js';
import type {ServerNews} from '../../../src/manager/server-meetings.js';

const order = {source: '/images/a.img', target: '/mnt', type: 'ext4'};

type RunOptions = Parameters<CommandRunner['run']>[2];

/** A command that tells of these servers, and then of its mount, or fails. */
function commandThatTells(told: unknown, servers: readonly ServerNews[] = []): CommandRunner {
  const run = async (_args: unknown, _withinMs: unknown, options: RunOptions): Promise<unknown> => {
    for (const server of servers) options?.onServer?.(server);
    if (told instanceof Error) throw told;
    return told;
  };
  return {run} as unknown as CommandRunner;
}

function noting(): {did: string[]; how: Parameters<typeof mountByCommand>[2]} {
  const did: string[] = [];
  const meetings = {
    hear: ({controlSocket = 'it', pid}: ServerNews) => void did.push(`hear of ${controlSocket} ${pid}`),
    drop: ({controlSocket, pid}: ServerNews) => void did.push(`drop ${controlSocket} ${pid}`),
  };
  return {did, how: {policyWords: [], meetings}};
}

test('a mount command that says nothing is a failure with a sentence', async () => {
  await expect(mountByCommand(commandThatTells(undefined), order, noting().how)).rejects.toMatchObject({
    kind: 'server-failed',
    code: 'command-silent',
    message: "can't mount /images/a.img: the mount command ended without a word",
  });
});

test('the server is met before the mount is there, the last where it was tried more than once', async () => {
  const {did, how} = noting();
  const [one, two] = [
    {pid: 7, start: '12'},
    {pid: 8, start: '13'},
  ] as const;
  const servers = [one, {...one, controlSocket: '/one'}, two, {...two, controlSocket: '/two'}];
  const made = await mountByCommand(commandThatTells({connectionId: 41}, servers), order, how);
  expect(made).toEqual({id: '41', server: servers[3]});
  expect(did).toEqual([
    ...['drop undefined undefined', 'hear of it 7', 'hear of /one 7'],
    ...['drop /one 7', 'hear of it 8', 'hear of /two 8'],
  ]);
});

test('what a mount came to nothing with is dropped', async () => {
  const {did, how} = noting();
  const failing = commandThatTells(new Error('denied'), [{controlSocket: '/one', pid: 7, start: '12'}]);
  await expect(mountByCommand(failing, order, how)).rejects.toThrow('denied');
  expect(did.at(-1)).toBe('drop /one 7');
});

test('so is what a command met that then ended without a word', async () => {
  const {did, how} = noting();
  const silent = commandThatTells(undefined, [{controlSocket: '/one', pid: 7, start: '12'}]);
  await expect(mountByCommand(silent, order, how)).rejects.toMatchObject({code: 'command-silent'});
  expect(did.at(-1)).toBe('drop /one 7');
});
