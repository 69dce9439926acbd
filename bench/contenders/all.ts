import {allowUring, cannotUring} from '../machine/uring-switch.js';
import {type Absent, type Contender, isAbsent} from './contender.js';
import {floor, lookingFloor} from './floor.js';
import {fuse2fs} from './fuse2fs.js';
import {fuseward} from './fuseward.js';
import {kernel} from './kernel.js';
import {passthrough} from './passthrough.js';

/** Who takes part in a run, and who can't. */
export interface Field {
  readonly taking: readonly Contender[];
  readonly absent: readonly Absent[];
}

/**
 * Everybody who can run here; what they need is installed or built.
 * @param questions also those who are there for questions only
 * @param only names of those who are wanted; all of them unless given
 */
export function field({questions, only}: {questions: boolean; only?: readonly string[] | undefined}): Field {
  const wanted = ({name}: {name: string}): boolean => only === undefined || only.includes(name);
  const found = [
    ...[kernel, fuse2fs(), fuseward('device'), fuseward('io_uring')],
    ...(questions ? [...passthrough(), floor, lookingFloor] : []),
  ].filter(wanted);
  const unknown = (only ?? []).filter((name) => !found.some((each) => each.name === name));
  if (unknown.length > 0) throw new Error(`there is nobody of the name ${unknown.join(', ')}`);
  const reason = cannotUring();
  const judged = found.map((each) =>
    !isAbsent(each) && each.uring && reason !== undefined ? {name: each.name, reason} : each,
  );
  return {
    taking: judged.filter((each): each is Contender => !isAbsent(each)),
    absent: judged.filter(isAbsent),
  };
}

/** A run in which the kernel offers io_uring if anybody needs it, by which all mounts are gone at its end. */
export async function withUring(taking: readonly Contender[], run: () => Promise<void>): Promise<void> {
  const restore = taking.some(({uring}) => uring) ? allowUring() : () => undefined;
  try {
    await run();
  } finally {
    restore();
  }
}
