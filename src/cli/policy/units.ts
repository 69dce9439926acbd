import {mkdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {dataLimit} from '../../launch/code-range.js';
import {MissingProgram} from '../../launch/index.js';
import {
  listDirectory,
  loadPolicy,
  POLICY_DIRECTORY,
  type Policy,
  PolicyError,
  type ServerPolicy,
  SHIPPED_DIRECTORY,
} from '../../policy/index.js';
import {complain, EXIT, type OptionValues, print} from '../command.js';
import {harmless, json} from '../terminal/text.js';
import {commandUnits, hasForeignCommand, MARK, NoUnitError} from './command-units.js';
import {UnitWordError} from './unit-words.js';

/** A file below systemd's directory of units. */
export interface UnitFile {
  /** `fuseward-ext4@.service.d/50-policy.conf`, `fuseward-squashfs.socket`. */
  readonly name: string;
  readonly text: string;
}

const MIB = 2 ** 20;
/** The template that serves every type without units of its own. It goes by what holds for all types. */
const TEMPLATE = 'server';

function dropInName(type: string): string {
  return `fuseward-${type}@.service.d/50-policy.conf`;
}

/** What holds a server that systemd starts to its type's policy. The names are those of the units that ship. */
export function dropIn(type: string, server: ServerPolicy): UnitFile {
  const {memoryBytes, cacheBytes, busyPollMicroseconds, tasks, cpuPercent, jitless} = server;
  const lines = [
    `# Limits of the policy for ${type === TEMPLATE ? 'all types' : type}. Made by "fuseward policy units"; run that again when the policy changes.`,
    '[Service]',
    // The share of a server that the embedded launcher starts.
    `Environment=HEAP_MIB=${Math.floor(memoryBytes / 4 / MIB)} CACHE_BYTES=${cacheBytes} BUSY_POLL=${busyPollMicroseconds}`,
    `MemoryMax=${memoryBytes}`,
    `LimitDATA=${dataLimit(server)}`,
    `TasksMax=${tasks}`,
    `LimitNPROC=${tasks}`,
    ...(cpuPercent === 0 ? [] : [`CPUQuota=${cpuPercent}%`]),
    ...(jitless
      ? ['# server.jitless needs the drop-in hardened.conf as well, which ships as an example.']
      : []),
  ];
  return {name: dropInName(type), text: `${lines.join('\n')}\n`};
}

const isType = (name: string): boolean => name !== 'defaults' && name !== 'auto';

/** Types with units: those that ship with them, and those that the administrator has a file for. */
function typesOf(directory: string): string[] {
  return [...new Set(['ext4', TEMPLATE, ...listDirectory(directory).names.filter(isType)])].sort();
}

/** What is written, what of an earlier policy goes, and what could not be made. */
interface Made {
  readonly files: UnitFile[];
  readonly stale: string[];
  readonly problems: string[];
}

/** @throws PolicyError */
function make(directory: string): Made {
  const own = typesOf(directory);
  const made: Made = {files: [], stale: [], problems: []};
  for (const type of own) {
    const policy = loadPolicy(type === TEMPLATE ? 'defaults' : type, directory);
    const {server} = policy;
    if (type === TEMPLATE || !hasForeignCommand(server)) made.files.push(dropIn(type, server));
    else addCommand(type, policy, made);
  }
  // Of what ships nobody has asked for units: programs are not on every machine, and some can't be had in one.
  const shipped = listDirectory(SHIPPED_DIRECTORY).names.filter(
    (name) => isType(name) && !own.includes(name),
  );
  for (const type of shipped.sort()) {
    const policy = loadPolicy(type, directory);
    if (hasForeignCommand(policy.server)) addCommand(type, policy, made, {optional: true});
  }
  return made;
}

function addCommand(type: string, policy: Policy, made: Made, {optional = false} = {}): void {
  try {
    made.files.push(...commandUnits(type, policy));
    // The units have the limits themselves, and other ones than our own servers.
    made.stale.push(dropInName(type));
  } catch (error) {
    if (optional && (error instanceof MissingProgram || error instanceof NoUnitError)) return;
    const known = [NoUnitError, UnitWordError, MissingProgram];
    if (!known.some((kind) => error instanceof kind)) throw error;
    made.problems.push(`can't make units for ${type}: ${(error as Error).message}`);
  }
}

/** `policy units`: prints units and drop-ins, or writes them below a directory. */
export function runUnits(_rest: string[], values: OptionValues): number {
  const directory = (values['policy'] as string | undefined) ?? POLICY_DIRECTORY;
  const place = values['write'] as string | undefined;
  let made: Made;
  try {
    made = make(directory);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    complain(error.message);
    return EXIT.failed;
  }
  const {files, stale, problems} = made;
  if (values['json'] === true) print(json({dropIns: files}, 2));
  for (const {name, text} of files) {
    const path = place === undefined ? undefined : join(place, name);
    if (path !== undefined && isOthers(path, text)) {
      problems.push(`can't write ${path}: there is one that "fuseward policy units" has not made`);
      continue;
    }
    if (path !== undefined) write(path, text);
    if (values['json'] === true) continue;
    print(path === undefined ? `# ${name}\n${text}` : harmless(path));
  }
  if (place !== undefined) for (const name of stale) rmSync(join(place, name), {force: true});
  for (const problem of problems) complain(harmless(problem));
  return problems.length === 0 ? EXIT.done : EXIT.failed;
}

/** Whether a whole unit is to be written where somebody else's lies. */
function isOthers(path: string, text: string): boolean {
  if (!text.startsWith(MARK)) return false;
  try {
    return !readFileSync(path, 'utf8').startsWith(MARK);
  } catch {
    return false;
  }
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), {recursive: true, mode: 0o755});
  writeFileSync(`${file}.new`, text, {mode: 0o644});
  renameSync(`${file}.new`, file);
}
