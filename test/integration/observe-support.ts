import {mount} from '../../src/helper/mount.js';
import {DEFAULT_MOUNT_POLICY} from '../../src/helper/mount-policy.js';
import type {MountDependencies, MountResult} from '../../src/helper/mount-request.js';
import {connectServer, launchContained} from '../../src/launch/index.js';
import {CONTROL_DIRECTORY} from '../../src/launch/mount-record.js';
import {loadPolicy} from '../../src/policy/index.js';
import {ALLOWED} from './helper-support.js';

/** What contained servers get where nobody decided anything. */
export const SERVER = loadPolicy('ext4').server;

/** What makes a mount one with a relay. */
export const observing: Pick<MountDependencies, 'observe'> = {
  observe: () => launchContained('observe', [], SERVER),
};

/** Mounts an image through our own ext4 server, with a relay or without. */
export async function mountExt4(
  image: string,
  target: string,
  {
    observed = true,
    observe = observing.observe,
  }: {observed?: boolean; observe?: MountDependencies['observe']} = {},
): Promise<MountResult> {
  return await mount(
    {
      source: image,
      target,
      type: 'ext4',
      options: [],
      callerUid: 0,
      callerGid: 0,
      callerGroups: [],
    },
    {
      policy: DEFAULT_MOUNT_POLICY,
      decide: () => ALLOWED,
      connect: (type, needs) => connectServer(type, SERVER, needs),
      controlDirectory: CONTROL_DIRECTORY,
      ...(observed && observe !== undefined ? {observe} : {}),
    },
  );
}
