import * as ms from '../sys/mount-flags.js';

/** Options of mount(8) that are a bit of mount(2): which bit, and whether the option sets or clears it. */
export const FLAG_OPTIONS: ReadonlyMap<string, {flag: number; on: boolean}> = new Map([
  ['ro', {flag: ms.MS_RDONLY, on: true}],
  ['rw', {flag: ms.MS_RDONLY, on: false}],
  ['nosuid', {flag: ms.MS_NOSUID, on: true}],
  ['suid', {flag: ms.MS_NOSUID, on: false}],
  ['nodev', {flag: ms.MS_NODEV, on: true}],
  ['dev', {flag: ms.MS_NODEV, on: false}],
  ['noexec', {flag: ms.MS_NOEXEC, on: true}],
  ['exec', {flag: ms.MS_NOEXEC, on: false}],
  ['sync', {flag: ms.MS_SYNCHRONOUS, on: true}],
  ['async', {flag: ms.MS_SYNCHRONOUS, on: false}],
  ['dirsync', {flag: ms.MS_DIRSYNC, on: true}],
  ['nosymfollow', {flag: ms.MS_NOSYMFOLLOW, on: true}],
  ['symfollow', {flag: ms.MS_NOSYMFOLLOW, on: false}],
  ['noatime', {flag: ms.MS_NOATIME, on: true}],
  ['atime', {flag: ms.MS_NOATIME, on: false}],
  ['nodiratime', {flag: ms.MS_NODIRATIME, on: true}],
  ['diratime', {flag: ms.MS_NODIRATIME, on: false}],
  ['relatime', {flag: ms.MS_RELATIME, on: true}],
  ['norelatime', {flag: ms.MS_RELATIME, on: false}],
  ['strictatime', {flag: ms.MS_STRICTATIME, on: true}],
  ['nostrictatime', {flag: ms.MS_STRICTATIME, on: false}],
  ['lazytime', {flag: ms.MS_LAZYTIME, on: true}],
  ['nolazytime', {flag: ms.MS_LAZYTIME, on: false}],
]);

/** The three ways of keeping access times exclude each other; the one named last counts. */
export const ATIME_FLAGS = ms.MS_NOATIME | ms.MS_RELATIME | ms.MS_STRICTATIME;

/** MS_* bits that a server may ask for: those above. Others would change or move existing mounts. */
export const SERVER_FLAGS = [...FLAG_OPTIONS.values()].reduce((all, {flag}) => all | flag, ms.MS_SILENT);

/** Options for programs around mount(8), or for its own doings; they mean nothing to a file system. */
export const DROPPED_OPTIONS: ReadonlySet<string> = new Set([
  'defaults',
  'auto',
  'noauto',
  'user',
  'nouser',
  'users',
  'nousers',
  'owner',
  'noowner',
  'group',
  'nogroup',
  'nofail',
  '_netdev',
  'comment',
  'helper',
  'uhelper',
  'loop',
  'silent',
  'loud',
  'mand',
  'nomand',
]);

/** Operations on existing mounts; this program makes new ones only. */
export const OPERATIONS: ReadonlySet<string> = new Set(
  ['bind', 'move', 'remount', 'shared', 'private', 'slave', 'unbindable']
    .flatMap((name) => [name, `r${name}`])
    .concat('make-shared', 'make-private', 'make-slave', 'make-unbindable', 'propagation'),
);

/**
 * Parameters of the kernel's fuse file system that only the helper may set: they name the descriptor, the owner and
 * the identity of the mount.
 */
export const HELPER_ONLY: ReadonlySet<string> = new Set([
  'fd',
  'rootmode',
  'user_id',
  'group_id',
  'source',
  'subtype',
]);

/** Security labels (SELinux): the caller's to choose, never the server's. */
export const LABEL_OPTIONS: ReadonlySet<string> = new Set([
  'context',
  'fscontext',
  'defcontext',
  'rootcontext',
]);

/** Options of the kernel's fuse file system that a caller may name. */
export const FUSE_OPTIONS: ReadonlySet<string> = new Set(['allow_other', 'default_permissions', 'max_read']);

const OWNERS = ['uid', 'gid', 'umask', 'fmask', 'dmask'];
const EXT_OPTIONS = ['acl', 'user_xattr', 'barrier', 'data', 'errors', 'discard', 'nodiscard', ...OWNERS];
const RAW_OPTIONS = ['offset', 'size', ...OWNERS];
const STRIPEFS_OPTIONS = ['member', ...OWNERS];

/** Names of the options that drivers of our own take, by type; `auto` is any of them. The helper must know them without the drivers. */
export const BUILTIN_OPTIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ['ext2', EXT_OPTIONS],
  ['ext3', EXT_OPTIONS],
  ['ext4', EXT_OPTIONS],
  ['raw', RAW_OPTIONS],
  ['stripefs', STRIPEFS_OPTIONS],
  ['auto', [...EXT_OPTIONS, ...RAW_OPTIONS, ...STRIPEFS_OPTIONS]],
]);

/** Whether an option means the same for every type: to mount(8), to the kernel or to the mount helper. */
export function isGeneric(key: string): boolean {
  return (
    FLAG_OPTIONS.has(key) ||
    DROPPED_OPTIONS.has(key) ||
    OPERATIONS.has(key) ||
    HELPER_ONLY.has(key) ||
    LABEL_OPTIONS.has(key) ||
    FUSE_OPTIONS.has(key) ||
    /^x-/i.test(key)
  );
}
