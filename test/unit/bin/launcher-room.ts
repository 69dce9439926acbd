import {spawnSync} from 'node:child_process';
import {chmodSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {CHECKOUT} from '../../support/checkout.js';

/** What the program found itself started with. */
export interface Start {
  args: string[];
  pid: number;
  execPath: string;
  execArgv: string[];
  cwd: string;
  env: Record<string, string>;
  umask: number;
  /** Where each descriptor leads. */
  fds: Record<string, string>;
  /** The access mode of each standard descriptor: 0 reading, 1 writing, 2 both. */
  access: number[];
  /** Soft and hard, as /proc/self/limits writes them. */
  limits: Record<string, [soft: string, hard: string]>;
  /** SigBlk and SigIgn of /proc/self/status. */
  signals: {blocked: bigint; ignored: bigint};
}

const REPORTER = `
const {readFileSync, readdirSync, readlinkSync, writeFileSync} = require('node:fs');
const status = readFileSync('/proc/self/status', 'latin1');
const mask = (name) => '0x' + new RegExp(name + ':\\\\s*([0-9a-f]+)').exec(status)[1];
const fds = {};
for (const fd of readdirSync('/proc/self/fd')) {
  try { fds[fd] = readlinkSync('/proc/self/fd/' + fd); } catch {}
}
const access = [0, 1, 2].map((fd) => parseInt(/flags:\\s*(\\d+)/.exec(readFileSync('/proc/self/fdinfo/' + fd, 'latin1'))[1], 8) & 3);
const limits = {};
for (const line of readFileSync('/proc/self/limits', 'latin1').split('\\n').slice(1)) {
  const match = /^(Max [a-z ]+?)\\s{2,}(\\S+)\\s+(\\S+)/.exec(line);
  if (match) limits[match[1]] = [match[2], match[3]];
}
const report = {
  args: process.argv.slice(2), pid: process.pid, execPath: process.execPath, execArgv: process.execArgv, cwd: process.cwd(),
  env: process.env, umask: process.umask(), fds, access, limits, signals: {blocked: mask('SigBlk'), ignored: mask('SigIgn')},
};
writeFileSync(new URL('../../report.json'), JSON.stringify(report));
`;

/** bin/ as it is, in a package whose program tells how it was started. */
export class LauncherRoom {
  readonly dir: string = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-launcher-')));
  readonly bin: string;

  /** @param package_ where in the room the package lies */
  constructor(package_ = 'package') {
    const root = join(this.dir, package_);
    this.bin = join(root, 'bin');
    mkdirSync(this.bin, {recursive: true});
    mkdirSync(join(root, 'dist/cli'), {recursive: true});
    for (const name of ['fuseward', 'mount.fuseward', 'fuservicemount3']) {
      copyFileSync(join(CHECKOUT, 'bin', name), join(this.bin, name));
    }
    writeFileSync(join(this.bin, 'node-path'), `${process.execPath}\n`);
    writeFileSync(join(root, 'package.json'), '{"type": "module"}');
    writeFileSync(
      join(root, 'dist/cli/main.cjs'),
      REPORTER.replace("'../../report.json'", JSON.stringify(`file://${join(this.dir, 'report.json')}`)),
    );
  }

  get fuseward(): string {
    return join(this.bin, 'fuseward');
  }

  /** A program of the attacker's that leaves a trace when it runs. */
  evil(path: string): void {
    writeFileSync(path, `#!/bin/sh\n: > ${join(this.dir, 'evil-ran')}\nexit 0\n`);
    chmodSync(path, 0o755);
  }

  /** Runs a shell line, and gives what the program told. @throws Error with standard error when it did not start */
  start(line: string, opts: {env?: Record<string, string>; cwd?: string} = {}): Start {
    const report = join(this.dir, 'report.json');
    rmSync(report, {force: true});
    const {stderr, status} = spawnSync('/bin/sh', ['-c', line], {
      env: opts.env ?? {},
      cwd: opts.cwd ?? '/',
      encoding: 'utf8',
      timeout: 30_000,
    });
    const text = spawnSync('cat', [report], {encoding: 'utf8'}).stdout;
    if (text === '') throw new Error(`did not start (${status}): ${stderr}`);
    const value = JSON.parse(text);
    const {blocked, ignored} = value.signals;
    return {...value, signals: {blocked: BigInt(blocked), ignored: BigInt(ignored)}};
  }

  remove(): void {
    rmSync(this.dir, {recursive: true});
  }
}
