import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {bashCompletion} from '../../src/cli/completion/bash.js';
import {DEFINITIONS} from '../../src/cli/definitions.js';
import {installed} from './cli-support.js';
import {TestTerminal} from './cli-terminal.js';

const lacking = ['bash', 'script'].filter((name) => !installed(name));
const missing = lacking.length === 0 ? '' : ` (without ${lacking.join(' and ')})`;

/** A mount whose name would carry something out, if anything took it for more than a name. */
const MOUNTINFO = String.raw`50 22 0:41 / /mnt/it's\040$(touch\040PROOF)\134 ro,nosuid - fuse.ext4 /images/a.img ro
`;

describe.skipIf(missing !== '')(`completion in a shell at work${missing}`, () => {
  let dir: string;
  let terminal: TestTerminal;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'fuseward-shell-'));
    writeFileSync(join(dir, 'mountinfo'), MOUNTINFO);
    const script = bashCompletion(DEFINITIONS).replace('/proc/self/mountinfo', join(dir, 'mountinfo'));
    // The program itself only shows what it is given.
    writeFileSync(
      join(dir, 'rc'),
      `${script}\nfuseward() { printf '<%s>' "$@"; }\nPS1='> '\nbind 'set enable-bracketed-paste off'\n`,
    );
    terminal = new TestTerminal(`cd ${dir} && exec bash --rcfile rc -i`, {
      HISTFILE: '/dev/null',
      TERM: 'dumb',
    });
    await terminal.sees(/^>/m);
  });
  afterAll(async () => {
    terminal.type('\x15exit\r');
    await terminal.ended;
    rmSync(dir, {recursive: true});
  });

  test('the name of a mount is completed to words that mean it and nothing else', async () => {
    terminal.type('fuseward freeze /m\t\r');
    await terminal.sees(/<freeze></);
    expect(terminal.text).toContain("<freeze></mnt/it's $(touch PROOF)\\>");
    expect(existsSync(join(dir, 'PROOF'))).toBe(false);
  });

  test('commands, options and their values are completed', async () => {
    terminal.type('fuseward cac\t/x --dr\t\r');
    await terminal.sees('<cache></x><--drop>');
    terminal.type('fuseward top --sort mem\t\r');
    await terminal.sees('<top><--sort><memory>');
    terminal.type('fuseward top --sort=wri\t\r');
    await terminal.sees('<top><--sort=written>');
  });
});
