/** The commands of `cli/mount-commands.ts`, whose code is mount.code.js. */
export const MOUNTING: readonly string[] = [
  'mount',
  'mount.fuseward',
  'fuservicemount3',
  'wait-for-order',
  'user-mount',
];
