import {execFileSync} from 'node:child_process';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {FakeManager, mountView, operationStats} from '../unit/admin/fake-manager.js';
import {FakeDaemon, installed, Program} from './cli-support.js';
import {TestTerminal} from './cli-terminal.js';

const without = installed('script') ? undefined : 'without script(1)';

let program: Program;
let daemon: FakeDaemon;
let terminal: TestTerminal;
let busy: NodeJS.Timeout;

/** A manager with a busy and an idle mount. */
class BusyManager extends FakeManager {
  #asked = 0;

  constructor() {
    super([mountView('41', {target: '/mnt/busy'}), mountView('42', {target: '/mnt/idle'})]);
  }

  work(): void {
    this.#asked += 100;
  }

  override async stats(id: string): ReturnType<FakeManager['stats']> {
    const stats = await super.stats(id);
    return {...stats, operations: {LOOKUP: operationStats(id === '41' ? this.#asked : 7)}};
  }
}

beforeAll(() => {
  program = new Program();
});
afterAll(() => program.remove());
beforeEach(async () => {
  const manager = new BusyManager();
  busy = setInterval(() => manager.work(), 20);
  daemon = new FakeDaemon(manager);
  await daemon.start();
});
afterEach(async () => {
  clearInterval(busy);
  terminal?.close();
  await daemon.remove();
});

/** A shell that runs the program between two looks at the terminal's modes, and tells how it ended. */
function open(args: string): TestTerminal {
  const command = `${process.execPath} ${program.path} ${args} --socket ${daemon.socket}`;
  // The shell ignores what is meant for the program, so that it can tell how that ended.
  terminal = new TestTerminal(
    `trap : INT QUIT; echo tty=$(tty); echo before=$(stty -g); sh -c 'echo pid=$$; exec ${command}'; ` +
      'echo code=$?; echo after=$(stty -g)',
  );
  return terminal;
}

function found(pattern: RegExp): string {
  return pattern.exec(terminal.raw)?.[1] ?? '';
}

/** Everything is as it was before, and what was on the screen is there again. */
function expectRestored(): void {
  expect(terminal.onAlternateScreen).toBe(false);
  expect(terminal.cursorShown).toBe(true);
  expect(terminal.wraps).toBe(true);
  expect(terminal.text).toContain('before=');
  expect(terminal.text).not.toContain('TARGET');
  expect(found(/after=(\S+)/)).toBe(found(/before=(\S+)/));
}

describe.skipIf(without !== undefined)(`top on a terminal${without ? ` (${without})` : ''}`, () => {
  test('draws the busiest first on the other screen, and q puts everything back', async () => {
    open('top --interval 0.2');
    await terminal.sees('/mnt/busy');
    await terminal.sees(/\/mnt\/busy +ok +\d/);
    expect(terminal.onAlternateScreen).toBe(true);
    expect(terminal.cursorShown).toBe(false);
    const lines = terminal.text.split('\n');
    expect(lines[0]).toMatch(/^fuseward \d+\.\d+\.\d+: 2 mounts +\d\d:\d\d:\d\d$/);
    expect(lines[1]).toMatch(/^TARGET +HEALTH +\[OPS\/S\]/);
    expect(lines[2]).toMatch(/^\/mnt\/busy /);
    expect(lines[3]).toMatch(/^\/mnt\/idle /);
    expect(lines[23]).toMatch(/^q quit .* n name$/);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    terminal.type('q');
    await terminal.ended;
    expect(found(/code=(\d+)/)).toBe('0');
    expectRestored();
  });

  test('a picture that did not change is not drawn again', async () => {
    clearInterval(busy);
    open('stats /mnt/idle --watch=0.1');
    await terminal.sees('in the last 100ms');
    const {length} = terminal.raw;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(terminal.raw.slice(length)).not.toContain('CPU time');
    terminal.type('q');
    await terminal.ended;
    expectRestored();
  });

  test('keys sort, and a new size draws a picture that fits', async () => {
    open('top --interval 0.2 --sort name');
    await terminal.sees('[TARGET]');
    terminal.type('m');
    await terminal.sees('[MEMORY]');
    execFileSync('stty', ['-F', found(/tty=(\S+)/), 'rows', '8', 'cols', '50']);
    await terminal.sees(/^fuseward .{33}\d\d:\d\d:\d\d$/m);
    const lines = terminal.text.split('\n');
    expect(lines.length).toBe(8);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(50);
    expect(terminal.text).toContain('[MEMORY]');
    terminal.type('q');
    await terminal.ended;
    expectRestored();
  });

  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const) {
    test(`${signal} puts everything back and ends it as ${signal} does`, async () => {
      open('top --interval 0.2');
      await terminal.sees('/mnt/busy');
      process.kill(Number(found(/pid=(\d+)/)), signal);
      await terminal.ended;
      expect(found(/code=(\d+)/)).toBe(String(code));
      expectRestored();
    });
  }

  test('Ctrl-C quits', async () => {
    open('top --interval 0.2');
    await terminal.sees('/mnt/busy');
    terminal.type('\x03');
    await terminal.ended;
    expectRestored();
  });

  test('while it is stopped the screen is the shell’s, and then it draws again', async () => {
    open('top --interval 0.2');
    await terminal.sees('/mnt/busy');
    const pid = Number(found(/pid=(\d+)/));
    process.kill(pid, 'SIGTSTP');
    await terminal.sees('before=');
    expect(terminal.onAlternateScreen).toBe(false);
    expect(terminal.cursorShown).toBe(true);
    process.kill(pid, 'SIGCONT');
    await terminal.sees('/mnt/busy');
    terminal.type('q');
    await terminal.ended;
    expectRestored();
  });

  test('nothing but the picture is to be seen, however long it runs', async () => {
    open('top --interval 0.1');
    await terminal.sees('/mnt/busy');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(terminal.text.split('\n').filter((line) => line !== '')).toHaveLength(5);
    terminal.type('q');
    await terminal.ended;
    expect(terminal.text).not.toContain('Warning');
    expectRestored();
  });

  test('a manager that goes away is told, and it goes on when it is back', async () => {
    open('top --interval 0.2');
    await terminal.sees('/mnt/busy');
    await daemon.stop();
    await terminal.sees('trying again');
    expect(terminal.text).toContain('/mnt/busy');
    await daemon.start();
    await terminal.sees('2 mounts');
    terminal.type('q');
    await terminal.ended;
    expectRestored();
  });

  test('a name of the other side can do nothing to the terminal', async () => {
    daemon.manager.views[0] = mountView('41', {target: '/mnt/\x1b]0;evil\x07\x1b[2J\n\u202e'});
    open('top --interval 0.2');
    await terminal.sees('/mnt/');
    expect(terminal.raw).not.toContain('\x1b]0');
    expect(terminal.text).toMatch(/\\x1b/);
    terminal.type('q');
    await terminal.ended;
    expectRestored();
  });

  test('a terminal that can do nothing gets plain lines', async () => {
    terminal = new TestTerminal(
      `TERM=dumb ${process.execPath} ${program.path} top --interval 0.1 --socket ${daemon.socket}`,
    );
    await terminal.sees(/Z +ok .*\/mnt\/busy/);
    expect(terminal.raw).not.toContain('\x1b');
  });
});
