import type {MountDependencies} from '../../src/helper/mount.js';
import {type MountResult, mount} from '../../src/helper/mount.js';
import {DEFAULT_MOUNT_POLICY} from '../../src/helper/mount-policy.js';
import {connectServer, launchContained} from '../../src/launch/index.js';
import {CONTROL_DIRECTORY} from '../../src/launch/mount-record.js';
import {loadPolicy} from '../../src/policy/index.js';
import {ALLOWED} from './helper-support.js';

/** What contained servers get where nobody decided anything. */
export const SERVER = loadPolicy('ext4').server;

/** Mounts an image through our own ext4 server, with a relay or without. */
export async function mountExt4(
  image: string,
  target: string,
  {observed = true, connect}: {observed?: boolean; connect?: MountDependencies['connect']} = {},
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
      connect: connect ?? ((type) => connectServer(type, SERVER)),
      controlDirectory: CONTROL_DIRECTORY,
      ...(observed ? {observe: () => launchContained('observe', [], SERVER)} : {}),
    },
  );
}
