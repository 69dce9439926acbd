import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import type {SyscallName} from '../../src/sys/syscall-numbers.js';
import {cannotCompromise, makeCall, waitingThread} from '../support/compromise.js';
import {missingForManager, Room, SOON_MS} from './manager-support.js';

const missing = missingForManager() ?? cannotCompromise();

/** Calls that somebody who took a server over would begin with. */
const CALLS: ReadonlyArray<readonly [name: SyscallName, args: readonly number[]]> = [
  ['socket', [2, 1, 0]],
  ['execve', [0, 0, 0]],
];

describe.skipIf(missing !== undefined)(
  `a server that somebody took over${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let room: Room;
    beforeEach(async () => {
      room = await Room.create();
    });
    afterEach(async () => {
      await room.close();
    });

    test('ends at its first forbidden call, alone, and the manager tells which it was', async () => {
      await room.daemon();
      const {heard, close} = await room.listen();
      const bystander = room.mount('bystander');
      const servers = CALLS.map(([name, args]) => ({name, args, ...room.mount(name)}));
      for (const {target} of [bystander, ...servers]) {
        await room.seen(target, ({health}) => health === 'ok');
      }
      for (const {name, args, serverPid} of servers) makeCall(waitingThread(serverPid), name, args);

      const died = () => heard.filter(({event}) => event === 'server-died');
      const gone = () => heard.filter(({event}) => event === 'cleaned');
      await eventually(() => gone().length === servers.length, SOON_MS);
      expect(Object.fromEntries(died().map(({target, details}) => [target, details['systemCall']]))).toEqual(
        Object.fromEntries(servers.map(({target, name}) => [target, name])),
      );
      expect((await room.mounts()).map((mount) => mount.target)).toEqual([bystander.target]);
      close();
    });
  },
);
