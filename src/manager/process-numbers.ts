import {readdirSync, readFileSync, statSync} from 'node:fs';

/** _SC_CLK_TCK: 100 on every architecture that Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;
/** Threads whose context switches are added up at most; a server may have thousands. */
const MOST_THREADS = 64;
/** Descriptors that are counted one by one at most, on kernels that don't tell their number. */
const MOST_DESCRIPTORS = 4096;

/** Fields of /proc/PID/stat counted from the state, which is field 3: proc_pid_stat(5). */
const FIELD = {
  state: 0,
  parent: 1,
  minorFaults: 7,
  childrenMinorFaults: 8,
  majorFaults: 9,
  childrenMajorFaults: 10,
  userTicks: 11,
  systemTicks: 12,
  childrenUserTicks: 13,
  childrenSystemTicks: 14,
  threads: 17,
  start: 19,
} as const;

/** What of /proc/PID/stat matters here. Times are of the process and of its children that it has waited for. */
export interface StatNumbers {
  readonly state: string;
  readonly parent: number;
  /** Clock ticks since boot. */
  readonly start: string;
  readonly threads: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
}

/** Reads the text of a stat file; undefined for what is none. The name in it is the process's own choice and may hold anything. */
export function parseStat(text: string): StatNumbers | undefined {
  const end = text.lastIndexOf(')');
  if (end < 0) return undefined;
  const fields = text
    .slice(end + 2)
    .trimEnd()
    .split(' ');
  const start = fields[FIELD.start];
  const number = (field: number): number => Number(fields[field]);
  const sum = (own: number, children: number): number => number(own) + number(children);
  if (start === undefined || !/^\d+$/.test(start)) return undefined;
  const numbers = {
    parent: number(FIELD.parent),
    threads: number(FIELD.threads),
    userSeconds: sum(FIELD.userTicks, FIELD.childrenUserTicks) / TICKS_PER_SECOND,
    systemSeconds: sum(FIELD.systemTicks, FIELD.childrenSystemTicks) / TICKS_PER_SECOND,
    minorFaults: sum(FIELD.minorFaults, FIELD.childrenMinorFaults),
    majorFaults: sum(FIELD.majorFaults, FIELD.childrenMajorFaults),
  };
  if (Object.values(numbers).some((value) => !(value >= 0))) return undefined;
  return {state: fields[FIELD.state] ?? '', start, ...numbers};
}

/** What a process read and wrote, proc_pid_io(5): through system calls, and from and to storage. Children that it waited for are in it. */
export interface IoNumbers {
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly storageReadBytes: number;
  readonly storageWrittenBytes: number;
}

/** The number of a `name: value` line, at the beginning of a line; undefined where there is none. */
function lineNumber(text: string, name: string): number | undefined {
  const value = new RegExp(`^${name}:\\s*(\\d+)(?: kB)?$`, 'm').exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}

/** Reads the text of an io file; undefined for what is none. */
export function parseIo(text: string): IoNumbers | undefined {
  const [readBytes, writtenBytes, storageReadBytes, storageWrittenBytes] = [
    'rchar',
    'wchar',
    'read_bytes',
    'write_bytes',
  ].map((name) => lineNumber(text, name));
  if (readBytes === undefined || writtenBytes === undefined) return undefined;
  return {
    readBytes,
    writtenBytes,
    storageReadBytes: storageReadBytes ?? 0,
    storageWrittenBytes: storageWrittenBytes ?? 0,
  };
}

/** Context switches of a thread, of /proc/PID/task/TID/status. */
export function parseSwitches(text: string): {voluntary: number; involuntary: number} {
  return {
    voluntary: lineNumber(text, 'voluntary_ctxt_switches') ?? 0,
    involuntary: lineNumber(text, 'nonvoluntary_ctxt_switches') ?? 0,
  };
}

/** Everything about one process at one moment. */
export interface ProcessNumbers extends StatNumbers {
  readonly residentBytes: number;
  /** Resident memory that is of no file, and so nobody else's. */
  readonly privateBytes: number;
  readonly openFiles: number | undefined;
  readonly io: IoNumbers | undefined;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It ended meanwhile, or we may not look.
    return '';
  }
}

/** The stat file of a process that runs; undefined for one that is gone or only waits to be reaped. */
export function statOf(pid: number): StatNumbers | undefined {
  const stat = parseStat(readOrNothing(`/proc/${pid}/stat`));
  return stat === undefined || stat.state === 'Z' || stat.state === 'X' ? undefined : stat;
}

function switchesOf(pid: number): {voluntary: number; involuntary: number} {
  const sum = {voluntary: 0, involuntary: 0};
  let threads: string[] = [];
  try {
    threads = readdirSync(`/proc/${pid}/task`).slice(0, MOST_THREADS);
  } catch {
    // It ended meanwhile.
  }
  for (const thread of threads) {
    const {voluntary, involuntary} = parseSwitches(readOrNothing(`/proc/${pid}/task/${thread}/status`));
    sum.voluntary += voluntary;
    sum.involuntary += involuntary;
  }
  return sum;
}

/** How many descriptors a process has open: the size of the directory since Linux 6.2, before by counting. */
function openFilesOf(pid: number): number | undefined {
  const directory = `/proc/${pid}/fd`;
  try {
    const {size} = statSync(directory);
    return size > 0 ? size : readdirSync(directory).slice(0, MOST_DESCRIPTORS).length;
  } catch {
    return undefined;
  }
}

/** Looks at a process; undefined when it is gone. */
export function numbersOf(pid: number): ProcessNumbers | undefined {
  const stat = statOf(pid);
  if (stat === undefined) return undefined;
  const status = readOrNothing(`/proc/${pid}/status`);
  const switches = switchesOf(pid);
  return {
    ...stat,
    // In KiB whatever the page size; missing for a zombie.
    residentBytes: (lineNumber(status, 'VmRSS') ?? 0) * 1024,
    // Not from smaps: reading that waits for a lock of the process's, which a server can hold for as long as it likes.
    privateBytes: (lineNumber(status, 'RssAnon') ?? 0) * 1024,
    openFiles: openFilesOf(pid),
    io: parseIo(readOrNothing(`/proc/${pid}/io`)),
    voluntarySwitches: switches.voluntary,
    involuntarySwitches: switches.involuntary,
  };
}
