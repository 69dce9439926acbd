import {chmodSync, chownSync, mkdirSync} from 'node:fs';
import {afterAll, afterEach, beforeAll, beforeEach, expect} from 'vitest';
import {O_PATH, O_RDONLY} from '../../../src/sys/fd.js';
import {type MountEntry, parseMountInfo} from '../../../src/sys/mount-info.js';
import {type Daemon, Room} from '../manager-support.js';
import {ALICE, BOB, publicProgram, User, writePolicy} from './support.js';
import type {Step} from './visitor.js';

export const REQUEST: string = JSON.stringify({version: 1, do: 'mount', type: 'ext4', options: []});

/** What the manager answers. */
export interface Answer {
  ok?: Record<string, unknown>;
  error?: {code: string; errno: string; message: string};
}

/** A directory of somebody's. */
export function place(path: string, owner: number, mode = 0o755): string {
  mkdirSync(path);
  chownSync(path, owner, owner);
  chmodSync(path, mode);
  return path;
}

/** Opens a directory as the place to mount at. */
export function target(path: string): Step {
  return ['open', 'target', path, O_PATH];
}

/** A manager, and two users who don't use our program where it would be in their way. */
export class Attackers {
  readonly room: Room;
  readonly alice: User;
  readonly bob: User;
  /** One that Alice may have mounted. */
  readonly image: string;

  constructor(room: Room, places: Awaited<ReturnType<typeof publicProgram>>) {
    this.room = room;
    this.alice = new User(room, places, ALICE);
    this.bob = new User(room, places, BOB);
    this.image = this.alice.image('disk').image;
  }

  table(): MountEntry[] {
    return parseMountInfo(this.room.run('cat', '/proc/self/mountinfo'));
  }

  at(target: string): MountEntry | undefined {
    return this.table().findLast((entry) => entry.target === target);
  }

  source(): Step {
    return ['open', 'source', this.image, O_RDONLY];
  }

  /** Asks for mounts, one after the other, of what the steps opened as `source` and `target`. @returns the manager's answers */
  askAll(attempts: readonly Step[][], request = REQUEST): Answer[] {
    const ask: Step[] = [
      ['connect'],
      ['send', request],
      ['receive'],
      ['send', '.', 'source', 'target'],
      ['receive'],
    ];
    const results = this.alice.visit(...attempts.flatMap((steps) => [...steps, ...ask]));
    let end = 0;
    return attempts.map((steps) => {
      // None may fail before the manager has anything to refuse.
      expect(results.slice(end, end + steps.length)).not.toContain('EACCES');
      end += steps.length + ask.length;
      return results[end - 1];
    });
  }

  ask(...steps: Step[]): Answer {
    return this.askAll([steps])[0]!;
  }
}

/** Gives the tests of a suite attackers, and sees to it that no test leaves a mount and that the manager had nothing to complain of. */
export function withAttackers(begin: (attackers: Attackers) => void): void {
  let attackers: Attackers;
  let daemon: Daemon;
  let before: string[];
  const targets = (): string[] => attackers.table().map(({target}) => target);

  beforeAll(async () => {
    const room = await Room.create();
    const places = await publicProgram(room);
    daemon = await room.daemon('--policy', writePolicy(room));
    attackers = new Attackers(room, places);
    begin(attackers);
  });
  beforeEach(() => {
    before = targets();
  });
  afterEach(() => {
    expect(targets()).toEqual(before);
  });
  afterAll(async () => {
    const {room} = attackers;
    expect(daemon.stderr()).toBe('');
    expect(await daemon.end()).toBe(0);
    expect(room.leftovers()).toMatchObject({mounts: [], loops: []});
    await room.close();
  });
}
