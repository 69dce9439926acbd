import {mkdirSync, renameSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {
  listDirectory,
  loadPolicy,
  POLICY_DIRECTORY,
  PolicyError,
  type ServerPolicy,
} from '../../policy/index.js';
import {complain, EXIT, type OptionValues, print} from '../command.js';
import {harmless, json} from '../terminal/text.js';

/** A file below systemd's directory of units. */
export interface DropIn {
  /** `fuseward-ext4@.service.d/50-policy.conf`. */
  readonly name: string;
  readonly text: string;
}

const MIB = 2 ** 20;
/** The template that serves every type without units of its own. It goes by what holds for all types. */
const TEMPLATE = 'server';

/** What holds a server that systemd starts to its type's policy. The names are those of the units that ship. */
export function dropIn(type: string, server: ServerPolicy): DropIn {
  const {memoryBytes, cacheBytes, tasks, cpuPercent, jitless} = server;
  const lines = [
    `# Limits of the policy for ${type === TEMPLATE ? 'all types' : type}. Made by "fuseward policy units"; run that again when the policy changes.`,
    '[Service]',
    // The share of a server that the embedded launcher starts.
    `Environment=HEAP_MIB=${Math.floor(memoryBytes / 4 / MIB)} CACHE_BYTES=${cacheBytes}`,
    `MemoryMax=${memoryBytes}`,
    `LimitDATA=${memoryBytes}`,
    `TasksMax=${tasks}`,
    `LimitNPROC=${tasks}`,
    ...(cpuPercent === 0 ? [] : [`CPUQuota=${cpuPercent}%`]),
    ...(jitless
      ? ['# server.jitless needs the drop-in hardened.conf as well, which ships as an example.']
      : []),
  ];
  return {name: `fuseward-${type}@.service.d/50-policy.conf`, text: `${lines.join('\n')}\n`};
}

/** Types with units: those that ship with them, and those that the administrator has a file for. */
function typesOf(directory: string): string[] {
  const own = listDirectory(directory).names.filter((name) => name !== 'defaults' && name !== 'auto');
  return [...new Set(['ext4', TEMPLATE, ...own])].sort();
}

/** `policy units`: prints drop-ins, or writes them below a directory. */
export function runUnits(_rest: string[], values: OptionValues): number {
  const directory = (values['policy'] as string | undefined) ?? POLICY_DIRECTORY;
  const place = values['write'] as string | undefined;
  let dropIns: DropIn[];
  try {
    dropIns = typesOf(directory).map((type) =>
      dropIn(type, loadPolicy(type === TEMPLATE ? 'defaults' : type, directory).server),
    );
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    complain(error.message);
    return EXIT.failed;
  }
  if (values['json'] === true) print(json({dropIns}, 2));
  for (const {name, text} of dropIns) {
    if (place !== undefined) write(join(place, name), text);
    if (values['json'] === true) continue;
    print(place === undefined ? `# ${name}\n${text}` : harmless(join(place, name)));
  }
  return EXIT.done;
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), {recursive: true, mode: 0o755});
  writeFileSync(`${file}.new`, text, {mode: 0o644});
  renameSync(`${file}.new`, file);
}
