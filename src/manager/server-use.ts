import type {ServerUseView} from './model.js';
import {type IoNumbers, numbersOf, type ProcessNumbers} from './process-numbers.js';

/** Processes of one server that are looked at; those beyond are counted and not looked at. */
const MOST_PROCESSES = 256;

/** Quantities that only grow. Those of the first kind go to the parent when it waits for a child that has ended. */
const INHERITED = ['userSeconds', 'systemSeconds', 'minorFaults', 'majorFaults'] as const;
const OWN = ['voluntarySwitches', 'involuntarySwitches'] as const;
const IO = ['readBytes', 'writtenBytes', 'storageReadBytes', 'storageWrittenBytes'] as const;

type Grown = Record<(typeof INHERITED)[number] | (typeof OWN)[number] | keyof IoNumbers, number>;

const nothing = (): Grown => ({
  ...{userSeconds: 0, systemSeconds: 0, minorFaults: 0, majorFaults: 0},
  ...{voluntarySwitches: 0, involuntarySwitches: 0},
  ...{readBytes: 0, writtenBytes: 0, storageReadBytes: 0, storageWrittenBytes: 0},
});

interface Member {
  readonly pid: number;
  readonly numbers: ProcessNumbers;
}

/**
 * What all processes of a server have used together. Totals never go back, although processes come and go: what one had used when it was
 * last seen stays counted after its end. Where its parent is one of them as well, the kernel has added most of it to the parent's, and it
 * isn't counted twice.
 */
export class ServerUse {
  readonly #look: (pid: number) => ProcessNumbers | undefined;
  #members = new Map<string, Member>();
  readonly #ended = nothing();
  /** What was told last: nothing told later is less. */
  readonly #told = nothing();

  /** @param look how one process is looked at; /proc unless told */
  constructor(look: (pid: number) => ProcessNumbers | undefined = numbersOf) {
    this.#look = look;
  }

  /** @param pids the server's processes now; undefined when none of them is there any more */
  read(pids: readonly number[]): ServerUseView | undefined {
    const now = new Map<string, Member>();
    for (const pid of pids.slice(0, MOST_PROCESSES)) {
      const numbers = this.#look(pid);
      if (numbers !== undefined) now.set(`${pid}/${numbers.start}`, {pid, numbers});
    }
    const alive = new Set([...now.values()].map(({pid}) => pid));
    for (const [name, {numbers}] of this.#members) {
      if (!now.has(name)) this.#keep(numbers, alive.has(numbers.parent));
    }
    this.#members = now;
    const members = [...now.values()].map(({numbers}) => numbers);
    if (members.length === 0) return undefined;
    return this.#sum(members, pids.length);
  }

  /** Adds what a process had used, which is gone. */
  #keep(numbers: ProcessNumbers, parentHasIt: boolean): void {
    for (const name of OWN) this.#ended[name] += numbers[name];
    if (parentHasIt) return;
    for (const name of INHERITED) this.#ended[name] += numbers[name];
    for (const name of IO) this.#ended[name] += numbers.io?.[name] ?? 0;
  }

  #sum(members: readonly ProcessNumbers[], processes: number): ServerUseView {
    const total = (value: (of: ProcessNumbers) => number): number =>
      members.reduce((sum, member) => sum + value(member), 0);
    const grown = (name: keyof Grown, value: (of: ProcessNumbers) => number): number => {
      this.#told[name] = Math.max(this.#told[name], this.#ended[name] + total(value));
      return this.#told[name];
    };
    const userSeconds = grown('userSeconds', (of) => of.userSeconds);
    const systemSeconds = grown('systemSeconds', (of) => of.systemSeconds);
    const io = (name: keyof IoNumbers): number => grown(name, (of) => of.io?.[name] ?? 0);
    const openFiles = members.map((member) => member.openFiles);
    return {
      cpuSeconds: userSeconds + systemSeconds,
      userSeconds,
      systemSeconds,
      residentBytes: total((of) => of.residentBytes),
      privateBytes: total((of) => of.privateBytes),
      minorFaults: grown('minorFaults', (of) => of.minorFaults),
      majorFaults: grown('majorFaults', (of) => of.majorFaults),
      threads: total((of) => of.threads),
      processes,
      openFiles: openFiles.includes(undefined) ? null : total((of) => of.openFiles ?? 0),
      voluntarySwitches: grown('voluntarySwitches', (of) => of.voluntarySwitches),
      involuntarySwitches: grown('involuntarySwitches', (of) => of.involuntarySwitches),
      io: members.some((member) => member.io === undefined)
        ? null
        : {
            readBytes: io('readBytes'),
            writtenBytes: io('writtenBytes'),
            storageReadBytes: io('storageReadBytes'),
            storageWrittenBytes: io('storageWrittenBytes'),
          },
    };
  }
}
