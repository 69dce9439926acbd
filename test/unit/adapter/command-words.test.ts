import {expect, test} from 'vitest';
import {sortCallerOptions} from '../../../src/adapter/caller-options.js';
import {fillCommand} from '../../../src/adapter/command-words.js';
import type {CommandPlan} from '../../../src/control/command-plan.js';
import {MS_NOEXEC, MS_RDONLY} from '../../../src/sys/mount-flags.js';

const plan = (...command: string[]): CommandPlan => ({
  type: 'thing',
  command,
  way: 'auto',
  source: {kind: 'served'},
  target: '/fuseward/target',
  environment: {},
  secrets: [{name: 'password', fd: 9}],
  network: 'none',
});
const filled = (options: string, ...command: string[]): string[] =>
  fillCommand(plan(...command), {
    source: '/dev/fd/3',
    target: '/fuseward/target',
    options,
    secrets: new Map([['password', 4]]),
  });

const rows: Array<[what: string, options: string, command: string[], words: string[]]> = [
  ['places', '', ['/bin/x', '-f', '{source}', '{target}'], ['/bin/x', '-f', '/dev/fd/3', '/fuseward/target']],
  ['inside words', '', ['/bin/x', 'subtype={type}'], ['/bin/x', 'subtype=thing']],
  ['a secret', '', ['/bin/x', '--pass={secret:password}'], ['/bin/x', '--pass=/dev/fd/4']],
  ['options', 'a,b', ['/bin/x', '-o', '{options}'], ['/bin/x', '-o', 'a,b']],
  ['no options', '', ['/bin/x', '-o', '{options}', 'y'], ['/bin/x', 'y']],
  ['no options, one word', '', ['/bin/x', '-o{options}', 'y'], ['/bin/x', 'y']],
  [
    'no options behind others',
    '',
    ['/bin/x', '-o', 'kernel_cache,{options}'],
    ['/bin/x', '-o', 'kernel_cache'],
  ],
  [
    'no options before others',
    '',
    ['/bin/x', '-o', '{options},kernel_cache'],
    ['/bin/x', '-o', 'kernel_cache'],
  ],
  [
    'what stands for something stands for it once',
    '{source}',
    ['/bin/x', '-o', '{options}'],
    ['/bin/x', '-o', '{source}'],
  ],
  ['what looks like a replacement is none', '$&', ['/bin/x', '-o', '{options}'], ['/bin/x', '-o', '$&']],
];
test.each(rows)('words of a command: %s', (_what, options, command, words) => {
  expect(filled(options, ...command)).toEqual(words);
});

test('options of the caller: each to whom it concerns', () => {
  const lists = ['ro,noexec,allow_other,umask=22', 'a=b\\,c,_netdev,x-systemd.automount'];
  expect(sortCallerOptions(lists)).toEqual({
    flags: MS_RDONLY | MS_NOEXEC,
    fuse: ['allow_other'],
    readOnly: true,
    text: 'ro,umask=22,a=b\\,c',
  });
  expect(sortCallerOptions([])).toEqual({flags: 0, fuse: [], readOnly: false, text: ''});
});
