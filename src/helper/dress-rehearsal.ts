import {scriptedServer} from '../service/scripted-server.js';
import {createMemfd} from '../sys/memfd.js';
import {MountError} from './errors.js';
import {lookAt} from './look.js';
import {mount} from './mount.js';
import type {MountPolicy} from './mount-policy.js';
import type {MountDependencies, MountRequest} from './mount-request.js';

/** No fuse device: the kernel refuses the mount when it is told of it. */
const NO_FUSE_DEVICE = '/dev/null';

/** What a rehearsal is held with. */
export interface Stage {
  /** An existing directory, on which nothing is mounted. */
  readonly target: string;
  readonly policy: MountPolicy;
  /** Asked as of a mount; one that it denies is rehearsed all the same. */
  readonly decide: MountDependencies['decide'];
  readonly controlDirectory: string;
}

/**
 * Goes through a mount, for nothing, so that its code has run: with a few bytes of memory as the source, a server that is none but says what one would, and
 * a device that is no fuse device, for which the kernel refuses the mount. What was done by then is undone as after any failed mount.
 * @returns what it ended with: `kernel`, EINVAL, where it went all the way
 * @throws Errno
 */
export async function dressRehearsal({target, policy, decide, controlDirectory}: Stage): Promise<MountError> {
  using image = createMemfd('fuseward-rehearsal', new Uint8Array(1));
  const source = `/proc/self/fd/${image.fd}`;
  const request: MountRequest = {
    ...{source, target, type: undefined, options: ['ro']},
    ...{callerUid: 0, callerGid: 0, callerGroups: [0]},
  };
  const {socket, end} = scriptedServer({source, target});
  using _ = end;
  try {
    await mount(request, {
      policy: {...policy, loop: 'never', iomap: 'deny'},
      decide: (facts) => ({...decide(facts), allowed: true}),
      connect: () => ({socket, kind: 'socket'}),
      controlDirectory,
      fuseDevice: NO_FUSE_DEVICE,
    });
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    // As at the root of a mount.
    await lookAt(image, {uid: 0, gid: 0});
    return error;
  }
  throw new Error(`${NO_FUSE_DEVICE} was mounted`);
}
