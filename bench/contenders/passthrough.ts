import {existsSync, mkdtempSync, rmdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {run} from '../../test/support/mounts.js';
import {unmount} from '../machine/unmount.js';
import {cannotUring} from '../machine/uring-switch.js';
import {processesOf} from '../machine/usage.js';
import {type Absent, type Contender, type Mounted, served} from './contender.js';
import {kernel} from './kernel.js';
import {type Libfuse, libfuse} from './libfuse.js';

const PROGRAM = 'passthrough_ll';

/** Ways to start it; the best of the classic ones is what counts. */
const MODES: ReadonlyArray<readonly [name: string, args: readonly string[], uring?: boolean]> = [
  [`${PROGRAM} -s`, ['-s']],
  [`${PROGRAM}, many threads`, []],
  [`${PROGRAM} -o clone_fd`, ['-o', 'clone_fd']],
  [`${PROGRAM} -o io_uring`, ['-o', 'io_uring'], true],
];
export const CLASSIC_MODES: readonly string[] = MODES.filter(([, , uring]) => !uring).map(([name]) => name);
export const URING_MODE = `${PROGRAM} -o io_uring`;

/** libfuse's example in C, which passes the kernel's mount of the same image through. */
export function passthrough(): Array<Contender | Absent> {
  let built: Libfuse;
  try {
    built = libfuse();
  } catch (error) {
    return MODES.map(([name]) => ({name, reason: (error as Error).message.split('\n')[0]!}));
  }
  return MODES.map(([name, args, uring = false]) => {
    const reason = uring ? cannotUring() : undefined;
    if (reason !== undefined) return {name, reason};
    return {
      name,
      version: `libfuse ${built.version}`,
      questionsOnly: true,
      uring,
      mount: (image, target) => mount(built, args, image, target),
    };
  });
}

function mount({passthrough}: Libfuse, args: readonly string[], image: string, target: string): Mounted {
  if (!existsSync(passthrough)) throw new Error(`${passthrough} is gone`);
  const source = mkdtempSync(join(tmpdir(), 'fuseward-bench-source-'));
  const below = kernel.mount(image, source);
  const undo = (): void => {
    below.unmount();
    rmdirSync(source);
  };
  try {
    run(passthrough, [...args, '-o', `source=${source},cache=always,timeout=3600`, target]);
  } catch (error) {
    undo();
    throw error;
  }
  const mounted = served(
    target,
    () => processesOf(PROGRAM, target),
    () => unmount(target),
  );
  return {
    ...mounted,
    unmount: () => {
      mounted.unmount();
      undo();
    },
  };
}
