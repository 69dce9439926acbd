import {spawnSync} from 'node:child_process';
import {chmodSync, chownSync, copyFileSync, cpSync, mkdirSync, readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {bundle} from '../../support/bundle.mjs';
import {CHECKOUT} from '../../support/checkout.js';
import type {Outcome} from '../command-support.js';
import {missingForManager, type Room} from '../manager-support.js';
import type {Step} from './visitor.js';

/** Ids that no account has. */
export const ALICE = 12_345;
export const BOB = 12_346;

/** Why nothing can be done here as an ordinary user, or undefined. */
export function missingForUsers(): string | undefined {
  const missing = missingForManager();
  if (missing !== undefined) return missing;
  const {status, error} = spawnSync(process.execPath, ['--version'], {uid: ALICE, gid: ALICE, cwd: '/'});
  return error === undefined && status === 0 ? undefined : 'others than root can not execute Node';
}

/** What a rule of the test policy says unless a test changes it. */
export const RULE = `[[allow]]
users = ["${ALICE}", "${BOB}"]
sources = ["**"]
source_kinds = ["file"]
source_owner = "anyone"
targets = ["**"]
target_owner = "anyone"
access = "read-only"
`;

/** A copy of the program that everybody can read, since the checkout may lie in /root, and the visitor beside it. */
export async function publicProgram(room: Room): Promise<{program: string; visitor: string}> {
  chmodSync(room.dir, 0o755);
  const root = join(room.dir, 'program');
  mkdirSync(root);
  for (const path of [
    'package.json',
    'bin',
    'dist',
    'policy',
    'node_modules/koffi',
    'node_modules/@koromix',
  ]) {
    cpSync(join(CHECKOUT, path), join(root, path), {recursive: true});
  }
  const visitor = join(root, 'visitor.mjs');
  copyFileSync(await bundle('test/integration/users/visitor.ts'), visitor);
  return {program: join(root, 'dist/cli/main.cjs'), visitor};
}

/** Writes the policy for a daemon with `--policy`. @returns the directory */
export function writePolicy(
  room: Room,
  {rule = RULE, settings = ''}: {rule?: string; settings?: string} = {},
): string {
  const directory = join(room.dir, 'policy');
  mkdirSync(directory, {recursive: true, mode: 0o755});
  for (const type of ['auto', 'ext4', 'raw', 'stripefs'])
    writeFileSync(join(directory, `${type}.toml`), `${settings}\n${rule}`);
  return directory;
}

/** An ordinary user with a home. */
export class User {
  readonly uid: number;
  readonly home: string;
  readonly #room: Room;
  readonly places: {program: string; visitor: string};
  readonly #groups: readonly number[];

  constructor(
    room: Room,
    places: {program: string; visitor: string},
    uid: number,
    groups: readonly number[] = [],
  ) {
    this.uid = uid;
    this.home = join(room.dir, `home-${uid}`);
    this.#room = room;
    this.places = places;
    this.#groups = groups;
    mkdirSync(this.home, {recursive: true, mode: 0o755});
    chownSync(this.home, uid, uid);
  }

  /** For Node to run. */
  get fusewardProgram(): string {
    return this.places.program;
  }

  /** Words in front of a command that runs as this user. */
  get words(): string[] {
    const groups = this.#groups.length === 0 ? ['--clear-groups'] : [`--groups=${this.#groups.join(',')}`];
    const {uid} = this;
    return [...this.#room.namespace, 'setpriv', `--reuid=${uid}`, `--regid=${uid}`, ...groups, '--'];
  }

  run(command: readonly string[], timeout = 60_000): Outcome {
    const [program, ...args] = [...this.words, ...command];
    const {status, stdout, stderr} = spawnSync(program!, args, {encoding: 'utf8', timeout, cwd: '/'});
    return {code: status, stdout, stderr};
  }

  fuseward(...args: string[]): Outcome {
    return this.run([process.execPath, this.places.program, ...args]);
  }

  /** Mounts, and gives the JSON that the command printed. */
  mount(
    source: string,
    target: string,
    ...options: string[]
  ): {error?: {message: string; code: string; errno?: string}} & Record<string, unknown> {
    const {stdout, stderr} = this.fuseward('mount', '--json', ...options, '-t', 'ext4', source, target);
    if (stdout === '') throw new Error(`mount: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** Words that run the visitor. */
  visitorWords(...steps: Step[]): string[] {
    return [process.execPath, this.places.visitor, JSON.stringify(steps)];
  }

  /** Runs the visitor with steps. @returns what came of each */
  // biome-ignore lint/suspicious/noExplicitAny: answers of every kind
  visit(...steps: Step[]): any[] {
    const {stdout, stderr} = this.run(this.visitorWords(...steps));
    if (stdout === '') throw new Error(`visitor: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** A small ext4 image of his own and a directory to mount it on. */
  image(name: string): {image: string; target: string} {
    const made = this.#room.image(`${this.uid}-${name}`);
    const image = join(this.home, `${name}.img`);
    const target = join(this.home, name);
    copyFileSync(made.image, image);
    mkdirSync(target);
    chownSync(image, this.uid, this.uid);
    chownSync(target, this.uid, this.uid);
    return {image, target};
  }
}

/** How many descriptors a process has. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Changes the policy of a daemon that runs. */
export async function changePolicy(
  room: Room,
  change: {rule?: string; settings?: string} = {},
): Promise<void> {
  writePolicy(room, change);
  const {status, body} = await room.ask('POST', '/v1/policy/reload');
  if (status !== 200) throw new Error(`policy: ${status} ${JSON.stringify(body)}`);
}
