import {type Act, call, HERE, oneCall, opening, path} from './act.js';

const CLOCK_REALTIME = 0;
const BPF_MAP_CREATE = 0;
const PERF_ATTRIBUTES = 128;
const PROCESS_KEYRING = -2;
const UFFD_USER_MODE_ONLY = 1;
const KEEP_PERSONALITY = 0xffffffff;
/** Version 3 of the capability structs (linux/capability.h). */
const CAPABILITY_VERSION = 0x20080522;

function now(): Uint8Array {
  const time = new Uint8Array(16);
  new DataView(time.buffer).setBigInt64(0, BigInt(Math.floor(Date.now() / 1000)), true);
  return time;
}

/** What only root may, and parts of the kernel that a server has no use for. */
export const PRIVILEGE_ACTS: readonly Act[] = [
  oneCall('mount a file system', 'mount', () => [path('none'), path('/'), path('tmpfs'), 0, 0]),
  opening('make a file system to mount', 'fsopen', () => [path('tmpfs'), 0]),
  opening('take a copy of a mount', 'open_tree', () => [HERE, path('/'), 1]),
  oneCall('unmount its program', 'umount2', () => [path(process.argv[1] ?? '/fuseward'), 0]),
  oneCall('exchange the root file system', 'pivot_root', () => [path('/'), path('/')]),
  oneCall('become root', 'setresuid', () => [0, 0, 0]),
  oneCall('become group root', 'setresgid', () => [0, 0, 0]),
  {
    name: 'give itself every capability',
    attempt() {
      const header = new Uint8Array(8);
      new DataView(header.buffer).setUint32(0, CAPABILITY_VERSION, true);
      return call('capset', header, new Uint8Array(24).fill(0xff));
    },
  },
  oneCall('load a program into the kernel (bpf)', 'bpf', () => {
    const map = new Uint8Array(128);
    // A map of one entry: type 2 (array), keys and values of 4 bytes.
    map.set([2, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0]);
    return [BPF_MAP_CREATE, map, map.length];
  }),
  opening('measure what others do (perf)', 'perf_event_open', () => {
    const attributes = new Uint8Array(PERF_ATTRIBUTES);
    new DataView(attributes.buffer).setUint32(0, 1, true);
    new DataView(attributes.buffer).setUint32(4, PERF_ATTRIBUTES, true);
    return [attributes, -1, 0, -1, 0];
  }),
  opening('set up io_uring', 'io_uring_setup', () => [8, new Uint8Array(120)]),
  opening('handle page faults in user space', 'userfaultfd', () => [UFFD_USER_MODE_ONLY]),
  oneCall('keep a key in the kernel', 'add_key', () => [
    path('user'),
    path('fuseward-probe'),
    path('x'),
    1,
    PROCESS_KEYRING,
  ]),
  oneCall('read kernel keys', 'keyctl', () => [0, -3, 0, 0, 0]),
  oneCall('change how the kernel runs it', 'personality', () => [KEEP_PERSONALITY]),
  // Without the magic numbers that reboot(2) wants: a right is asked for before they are looked at.
  oneCall('reboot', 'reboot', () => [0, 0, 0, 0]),
  oneCall('set the clock', 'clock_settime', () => [CLOCK_REALTIME, now()]),
  oneCall('set the name of the machine', 'sethostname', () => [path('fuseward'), 8]),
  oneCall('use a file as swap', 'swapon', () => [path(process.argv[1] ?? '/'), 0]),
  oneCall('load a kernel module', 'init_module', () => [0, 0, path('')]),
  oneCall('start another kernel', 'kexec_load', () => [0, 0, 0, 0]),
  oneCall('account for processes', 'acct', () => [path('/acct')]),
  oneCall('read the kernel log', 'syslog', () => [3, new Uint8Array(64), 64]),
  oneCall('use input and output ports', 'iopl', () => [3]),
  opening('watch files', 'inotify_init1', () => [0]),
  opening('watch the files of everybody', 'fanotify_init', () => [0, 0]),
];
