import {execFileSync, spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {publicOptions} from '../../../src/cli/command.js';
import {bashCompletion} from '../../../src/cli/completion/bash.js';
import {zshCompletion} from '../../../src/cli/completion/zsh.js';
import {DEFINITIONS} from '../../../src/cli/definitions.js';
import {CHECKOUT} from '../../support/checkout.js';

const SCRIPTS = {bash: bashCompletion(DEFINITIONS), zsh: zshCompletion(DEFINITIONS)};
const withoutBash = existsSync('/bin/bash') ? '' : ' (without bash)';
const withoutZsh = existsSync('/bin/zsh') || existsSync('/usr/bin/zsh') ? '' : ' (without zsh)';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'fuseward-completion-'));
});
afterAll(() => rmSync(dir, {recursive: true}));

test('the files that are shipped are what the program prints', () => {
  expect(readFileSync(join(CHECKOUT, 'completions/fuseward.bash'), 'utf8')).toBe(SCRIPTS.bash);
  expect(readFileSync(join(CHECKOUT, 'completions/_fuseward'), 'utf8')).toBe(SCRIPTS.zsh);
});

for (const [shell, script] of Object.entries(SCRIPTS)) {
  for (const definition of DEFINITIONS) {
    test(`${shell}: ${definition.name} and each of its options`, () => {
      // The part for one command: from its name to the next one's.
      const part = new RegExp(`^ {4}${definition.name}\\) ?(.*?)(?=^ {4}\\w+\\)|^ {2}esac)`, 'ms').exec(
        script,
      )?.[1];
      expect(part).toBeDefined();
      for (const [name, {short}] of publicOptions(definition)) {
        expect(part).toMatch(new RegExp(`--${name}\\b`));
        if (short !== undefined) expect(part).toMatch(new RegExp(`(^|[ ')*])-${short}\\b`));
      }
    });
  }
}

test('options without a help text are those for our own programs, and are not offered', () => {
  const internal = DEFINITIONS.flatMap(({name, options}) =>
    Object.entries(options)
      .filter(([, {help}]) => help === undefined)
      .map(([option]) => `${name} --${option}`),
  );
  expect(internal).toEqual([
    'mount --held-policy',
    'mount --no-announce',
    'mount --for-manager',
    'umount --no-announce',
  ]);
  expect(SCRIPTS.bash).not.toContain('no-announce');
  expect(SCRIPTS.zsh).not.toContain('no-announce');
});

/** Two mounts of FUSE servers with names as bad as they can be, and others that must not be offered. */
const MOUNTINFO = String.raw`22 1 8:1 / / rw - ext4 /dev/sda1 rw
50 22 0:41 / /mnt/plain ro,nosuid shared:7 - fuse.ext4 /images/a.img ro,user_id=0
51 22 0:42 / /mnt/with\040space\134and$(touch\040PROOF);touch\040PROOF ro - fuse.sshfs host: rw
52 22 0:43 / /mnt/line\012break ro - fuse - rw
53 22 0:20 / /sys/fs/fuse/connections rw - fusectl fusectl rw
54 22 8:2 / /mnt/block ro - fuseblk /dev/sdb rw
`;

/** What bash offers for these words, the last of which is being typed. */
function offered(...words: string[]): string[] {
  const script = join(dir, 'completion.bash');
  const table = join(dir, 'mountinfo');
  writeFileSync(table, MOUNTINFO);
  writeFileSync(script, SCRIPTS.bash.replace('/proc/self/mountinfo', table));
  const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const program = `
    compopt() { :; }
    source ${script}
    COMP_WORDS=(fuseward ${quoted}) COMP_CWORD=${words.length}
    _fuseward
    ((\${#COMPREPLY[@]})) && printf '%s\\0' "\${COMPREPLY[@]}"
    true`;
  const {stdout, stderr} = spawnSync('bash', ['--norc', '-c', program], {cwd: dir, encoding: 'utf8'});
  expect(stderr).toBe('');
  return stdout.split('\0').slice(0, -1);
}

describe.skipIf(withoutBash !== '')(`bash${withoutBash}`, () => {
  const rows: Array<[words: string[], offers: string[]]> = [
    [['sta'], ['status', 'stats']],
    [['--v'], ['--version']],
    [
      ['completion', ''],
      ['bash', 'zsh'],
    ],
    [['completion', 'bash', ''], []],
    [['cache', '/mnt/plain', '--d'], ['--drop']],
    [['top', '--sort', 'm'], ['memory']],
    // bash makes three words of --sort=m.
    [['top', '--sort', '=', 'm'], ['memory']],
    [
      ['top', '--sort', '='],
      ['ops', 'errors', 'read', 'written', 'p99', 'hits', 'cpu', 'memory', 'name'],
    ],
    [
      ['mount', '-t', 'ext'],
      ['ext2', 'ext3', 'ext4'],
    ],
    [['status', '/mnt/p'], ['/mnt/plain']],
    [['status', '--socket', '/x', '/mnt/p'], ['/mnt/plain']],
    [['status', '--socket', '=', '/x', '/mnt/p'], ['/mnt/plain']],
    [['status', '/mnt/plain', '/mnt/p'], []],
    [['umount', '/mnt/b'], ['/mnt/block']],
    [['nothing', ''], []],
  ];
  for (const [words, offers] of rows) {
    test(`fuseward ${words.join(' ')}`, () => expect(offered(...words)).toEqual(offers));
  }

  test('names of mounts are offered as words that mean them, and nothing in them is carried out', () => {
    expect(offered('freeze', '/mnt/')).toEqual([
      '/mnt/plain',
      '/mnt/with\\ space\\\\and\\$\\(touch\\ PROOF\\)\\;touch\\ PROOF',
      "$'/mnt/line\\nbreak'",
      '/mnt/block',
    ]);
    expect(offered('freeze', '/mnt/w')).toHaveLength(1);
    expect(offered('freeze', '/mnt/with\\ sp')).toHaveLength(1);
    // Behind an open quote only those are offered that need none.
    expect(offered('freeze', '"/mnt/')).toEqual(['/mnt/plain', '/mnt/block']);
    expect(existsSync(join(dir, 'PROOF'))).toBe(false);
  });

  test('files are offered where a file is meant', () => {
    writeFileSync(join(dir, 'disk one.img'), '');
    expect(offered('mount', 'disk')).toEqual(['disk one.img']);
  });
});

test.skipIf(withoutZsh !== '')(`zsh can read its script${withoutZsh}`, () => {
  const file = join(dir, '_fuseward');
  writeFileSync(file, SCRIPTS.zsh);
  execFileSync('zsh', ['-n', file]);
});
