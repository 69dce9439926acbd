import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {parseCommand} from '../../src/cli/command.js';
import {DEFINITIONS} from '../../src/cli/definitions.js';
import {CHECKOUT} from '../support/checkout.js';
import {LONG} from '../support/forms.js';
import {Program} from './cli-support.js';

let program: Program;
beforeAll(() => {
  program = new Program();
});
afterAll(() => program.remove());

const {version} = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as {version: string};

test('--version and -V tell the version of the package', async () => {
  for (const option of ['--version', '-V']) {
    expect(await program.run([option])).toMatchObject({code: 0, stdout: `fuseward ${version}\n`, stderr: ''});
  }
});

for (const args of [['help'], ['--help'], ['-h'], ['--help', '--help'], ['help', '-h']]) {
  test(`${args.join(' ')} lists the commands`, async () => {
    const {code, stdout, stderr} = await program.run(args);
    expect([code, stderr]).toEqual([0, '']);
    for (const {name} of DEFINITIONS) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
  });
}

test('without a command the list goes to standard error, and that is a failure', async () => {
  const {code, stdout, stderr} = await program.run([]);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('usage: fuseward COMMAND');
});

test('each command tells its usage', async () => {
  for (const [i, {name, usage}] of DEFINITIONS.entries()) {
    const ways = [
      ['help', name],
      [name, '--help'],
      [name, '-h'],
    ];
    // They come together in one place, so one after the other is enough where a start of the program takes its time.
    const tried = LONG || i === 0 ? ways : [ways[i % ways.length]!];
    for (const args of tried) {
      const {code, stdout, stderr} = await program.run(args);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(`usage: ${usage}\n`);
    }
  }
});

test('no command has another use for the options that ask for help', () => {
  for (const definition of DEFINITIONS) {
    for (const option of ['--help', '-h']) {
      expect(parseCommand(definition, [option]).values['help'], definition.name).toBe(true);
    }
  }
});

const mistakes: Array<[args: string[], says: RegExp]> = [
  [['nothing'], /^fuseward: there is no command "nothing"; "fuseward help" lists them\n$/],
  [['help', 'help'], /^fuseward: there is no command "help"; "fuseward help" lists them\n$/],
  [['help', 'nothing'], /^fuseward: there is no command "nothing"; "fuseward help" lists them\n$/],
  [['\x1b[2J'], /^fuseward: there is no command "\\x1b\[2J"; "fuseward help" lists them\n$/],
  [['ls', '--all'], /^fuseward: ls: unknown option '--all'\nusage: fuseward ls .*\n$/],
  [['stats'], /^fuseward: stats: an argument is missing\nusage: fuseward stats .*\n$/],
  [['sync', 'a', 'b'], /^fuseward: sync: too many arguments: b\nusage: .*\n$/],
  [
    ['cache', '/', '--drop', '--limit', '1'],
    /^fuseward: cache: --drop and --limit are two commands\nusage: .*\n$/,
  ],
  [['cache', '/', '--limit', 'much'], /^fuseward: cache: --limit needs a size such as 64M .*\nusage: .*\n$/],
  [['top', '--sort', 'age'], /^fuseward: top: --sort does not know "age"\nusage: .*\n$/],
  [['top', '--once', '--count', '2'], /^fuseward: top: --once and --count are two commands\nusage: .*\n$/],
  [
    ['top', '--interval', '0'],
    /^fuseward: top: --interval needs a number from 0.1 to 86400, not "0"\nusage: .*\n$/,
  ],
  [['events', '--since', '-1'], /^fuseward: events: [^\n]*\nusage: .*\n$/],
  [['completion', 'fish'], /^fuseward: completion: "fish" is not one of bash, zsh\nusage: .*\n$/],
];
for (const [args, says] of mistakes) {
  test(`a mistake is told with the usage: ${JSON.stringify(args.join(' '))}`, async () => {
    const {code, stdout, stderr} = await program.run(args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(says);
  });
}
