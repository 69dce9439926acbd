import {expect, test} from 'vitest';
import type {CommandRunner} from '../../../src/manager/command-runner.js';
import {mountByCommand} from '../../../src/manager/mount-commands.js';

const order = {source: '/images/a.img', target: '/mnt', type: 'ext4'};

function commandThatTells(told: unknown): CommandRunner {
  return {run: () => Promise.resolve(told)} as unknown as CommandRunner;
}

test('a mount command that says nothing is a failure with a sentence', async () => {
  await expect(mountByCommand(commandThatTells(undefined), order, [])).rejects.toMatchObject({
    kind: 'server-failed',
    code: 'command-silent',
    message: "can't mount /images/a.img: the mount command ended without a word",
  });
});

test('what a mount command saw of its server comes with the number of the connection', async () => {
  const look = {pid: 7, start: '12'};
  const made = await mountByCommand(commandThatTells({connectionId: 41, look}), order, []);
  expect(made).toEqual({id: '41', look});
});
