import {closeSync, constants, openSync, readSync} from 'node:fs';
import {lseek, SEEK} from '../../support/posix.js';

/** What no user of FUSE may make the kernel say, whoever serves. */
const ALARMS =
  /\b(BUG|WARNING|Oops|KASAN|UBSAN|KCSAN|general protection|soft lockup|hung task|blocked for more than|page allocation failure)\b|\bfuse(?!ward)/i;
/** What the kernel says of a process that was ended: a crash, too much memory, or a system call that the filter does not let through. */
const DEATHS = /segfault|traps:|type=1326|trap invalid|oom-kill|[Oo]ut of memory/;

/** The kernel's log from now on. */
export class KernelLog {
  readonly #fd: number;

  /** @throws where the log can't be read */
  constructor() {
    this.#fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
    lseek(this.#fd, 0, SEEK.END);
  }

  /**
   * New messages that tell of something wrong. Those about ended processes count when they name one of `pids`, because other
   * programs of the machine may die as they like.
   */
  complaints(pids: ReadonlySet<number>): string[] {
    return this.#messages().filter((message) => {
      if (ALARMS.test(message)) return true;
      const pid = Number(/(?:pid=|\[|process )(\d+)/.exec(message)?.[1] ?? 0);
      return DEATHS.test(message) && pids.has(pid);
    });
  }

  close(): void {
    closeSync(this.#fd);
  }

  #messages(): string[] {
    const record = Buffer.alloc(8192);
    const found: string[] = [];
    for (;;) {
      try {
        const length = readSync(this.#fd, record);
        const text = record.toString('latin1', 0, length);
        found.push(text.slice(text.indexOf(';') + 1).split('\n')[0]!);
      } catch (error) {
        const {code} = error as NodeJS.ErrnoException;
        // EPIPE: messages were overwritten before they were read; what follows is there.
        if (code === 'EPIPE') continue;
        if (code === 'EAGAIN') return found;
        throw error;
      }
    }
  }
}
