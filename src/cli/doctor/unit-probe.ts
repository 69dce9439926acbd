import {spawnSync} from 'node:child_process';
import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {ProbeTask} from '../../probe/report.js';
import {CommandError} from '../command.js';
import {breadcrumbIn, makeGround, type ProbeResult} from './probe-ground.js';

const RUNTIME_UNITS = '/run/systemd/system';
/** Applied after all others, whatever they are called. */
const DROP_IN = 'zzz-probe.conf';
const COMMAND_MS = 30_000;
const RUN_MS = 60_000;
const POLL_MS = 50;

/** Runs one of systemd's programs. @throws CommandError with what it said */
function systemd(program: string, ...args: string[]): string {
  const {status, stdout, stderr, error} = spawnSync(program, args, {encoding: 'utf8', timeout: COMMAND_MS});
  if (status === 0) return stdout;
  throw new CommandError(
    `can't start a probe as a unit: ${error?.message ?? `${program}: ${stderr.trim()}`}`,
  );
}

/** `fuseward-ext4@` of `fuseward-ext4@.service`. @throws CommandError for what is no template of services */
function templateOf(unit: string): string {
  const match = /^([A-Za-z0-9:_.-]+@)(?:\.service)?$/.exec(unit);
  if (match === null) throw new CommandError(`${unit} is not a template of services such as fuseward-ext4@`);
  return match[1]!;
}

/** How the unit starts its server, as words for a unit file; the program is what ends in server.js. */
function commandOf(unit: string): {before: string[]; program: string} {
  const shown = systemd('systemctl', 'show', '--value', '--property=ExecStart', unit);
  const words = /argv\[\]=(.*?) ; /.exec(shown)?.[1]?.split(' ') ?? [];
  const at = words.findIndex((word) => word.endsWith('/server.js'));
  if (at === -1) throw new CommandError(`can't probe ${unit}: it does not start fuseward's own server`);
  return {before: words.slice(0, at), program: words[at]!.replace(/server\.js$/, 'probe.js')};
}

/** Instances of the unit with everything that it has, but for the program. */
class ProbeUnits {
  readonly #template: string;
  readonly #directories: string[] = [];
  readonly #started: string[] = [];

  constructor(template: string) {
    this.#template = template;
  }

  /** Starts an instance with its input and output in files. @returns its name */
  start(name: string, task: ProbeTask, files: {input: string; output: string}): string {
    const unit = `${this.#template}${name}.service`;
    const {before, program} = commandOf(unit);
    const directory = join(RUNTIME_UNITS, `${unit}.d`);
    mkdirSync(directory, {recursive: true});
    this.#directories.push(directory);
    // Neither the words nor the task have quotes or percent signs of their own.
    const command = [...before, program, `'${JSON.stringify(task)}'`].join(' ');
    const lines = [
      '[Service]',
      'ExecStart=',
      `ExecStart=${command}`,
      `StandardInput=file:${files.input}`,
      `StandardOutput=file:${files.output}`,
      'StandardError=journal',
    ];
    writeFileSync(join(directory, DROP_IN), `${lines.join('\n')}\n`);
    systemd('systemctl', 'daemon-reload');
    this.#started.push(unit);
    systemd('systemctl', 'start', '--no-block', unit);
    return unit;
  }

  property(unit: string, name: string): string {
    return systemd('systemctl', 'show', '--value', `--property=${name}`, unit).trim();
  }

  async mainPid(unit: string): Promise<number> {
    for (const end = Date.now() + RUN_MS; Date.now() < end; await sleep(POLL_MS)) {
      const pid = Number(this.property(unit, 'MainPID'));
      if (pid > 0) return pid;
      if (this.property(unit, 'ActiveState') === 'failed') break;
    }
    throw new CommandError(
      `can't start a probe as a unit: ${this.journal(unit) || `${unit} does not start`}`,
    );
  }

  async ended(unit: string): Promise<void> {
    for (const end = Date.now() + RUN_MS; Date.now() < end; await sleep(POLL_MS)) {
      if (['inactive', 'failed'].includes(this.property(unit, 'ActiveState'))) return;
    }
  }

  journal(unit: string): string {
    systemd('journalctl', '--sync');
    return systemd('journalctl', '--no-pager', '--output=cat', '_TRANSPORT=stdout', `_SYSTEMD_UNIT=${unit}`);
  }

  [Symbol.dispose](): void {
    for (const unit of this.#started) {
      spawnSync('systemctl', ['stop', unit], {timeout: COMMAND_MS});
      spawnSync('systemctl', ['reset-failed', unit], {timeout: COMMAND_MS});
    }
    for (const directory of this.#directories) rmSync(directory, {recursive: true, force: true});
    spawnSync('systemctl', ['daemon-reload'], {timeout: COMMAND_MS});
  }
}

/**
 * Runs the probe as an instance of a template unit, in the unit's own sandbox: only the program and where its output goes are
 * others. Needs root and systemd as process 1.
 * @throws CommandError
 */
export async function probeUnit(name: string): Promise<ProbeResult> {
  const template = templateOf(name);
  await using ground = await makeGround();
  using units = new ProbeUnits(template);
  const tag = `fuseward-probe-${process.pid}`;
  const base = {...ground.places, reportFd: 1, imageFd: 0, logIsFile: false};
  const files = (output: string) => ({input: ground.image, output: join(ground.directory, output)});
  const waiting = units.start(`${tag}-victim`, {...base, do: 'wait', victim: 0}, files('victim'));
  const victim = await units.mainPid(waiting);
  const probe = units.start(tag, {...base, do: 'try', victim}, files('report'));
  await units.ended(probe);
  const faller = units.start(`${tag}-fall`, {...base, do: 'fall', victim}, files('fall'));
  await units.ended(faller);
  const lines = readFileSync(files('report').output, 'utf8').split('\n').filter(Boolean);
  if (lines.length === 0)
    throw new CommandError(`can't probe ${name}: ${units.journal(probe) || 'nothing came of it'}`);
  return {
    reports: lines.map((line) => JSON.parse(line)),
    breadcrumb: breadcrumbIn(units.journal(faller)),
    logBytes: undefined,
  };
}
