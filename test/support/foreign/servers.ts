import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {run} from '../mounts.js';
import {makeTree} from './content.js';
import {fillThrough} from './fill.js';
import type {Peer} from './peers.js';
import {sftpPeer, webPeer} from './peers.js';

/** What a foreign server is given to serve, for one test. */
export interface Input {
  /** First argument of the mount command. */
  readonly source: string;
  /** Directory that the mount must be equal to. */
  readonly tree: string;
  /** Lines for `[server]` of the policy, beside what ships. */
  readonly policy?: string;
  /** Lines for `-o`. */
  readonly options?: readonly string[];
  /** The other end of the network, to be ended afterwards. */
  readonly peer?: Peer;
}

/** A FUSE server of Debian's that policy ships for. */
export interface ForeignServer {
  /** Its type, and the name of its policy file. */
  readonly type: string;
  /** Programs that it and the making of its input need, by their Debian package. */
  readonly tools: Readonly<Record<string, string>>;
  readonly symlinks: boolean;
  /** What it may reach of the network. */
  readonly network: boolean;
  /** `-t auto` finds it out. */
  readonly detected: boolean;
  /** Makes its input in an empty directory. @param big bytes of a further file, `big`; none without */
  prepare(directory: string, big?: number): Input | Promise<Input>;
}

/** A tree to serve, in a directory of its own. */
function tree(directory: string, big: number, symlinks = true): string {
  const path = join(directory, 'tree');
  makeTree(path, {symlinks, big});
  return path;
}

/** A server that is given an archive or an image with the tree in it. */
function image(
  make: (tree: string, image: string, more: {directory: string; mib: number}) => void,
  {symlinks = true}: {symlinks?: boolean} = {},
): ForeignServer['prepare'] {
  return (directory, big = 0) => {
    const content = tree(directory, big, symlinks);
    const source = join(directory, 'image');
    make(content, source, {directory, mib: 24 + Math.ceil((2 * big) / 2 ** 20)});
    return {source, tree: content};
  };
}

const base = {symlinks: true, network: false, detected: false};

/** In the order of the table in the README. */
export const FOREIGN_SERVERS: readonly ForeignServer[] = [
  {
    ...base,
    type: 'squashfs',
    tools: {squashfuse_ll: 'squashfuse', mksquashfs: 'squashfs-tools'},
    detected: true,
    prepare: image((from, to) => run('mksquashfs', [from, to, '-quiet', '-no-progress', '-noappend'])),
  },
  {
    ...base,
    type: 'fuse2fs',
    tools: {fuse2fs: 'fuse2fs', mke2fs: 'e2fsprogs'},
    prepare: image((from, to, {mib}) => run('mke2fs', ['-q', '-t', 'ext4', '-d', from, to, `${mib + 8}M`])),
  },
  {
    ...base,
    type: 'bindfs',
    tools: {bindfs: 'bindfs'},
    prepare: (directory, big = 0) => {
      const content = tree(directory, big);
      return {source: content, tree: content};
    },
  },
  {
    ...base,
    type: 'archivemount',
    tools: {archivemount: 'archivemount', tar: 'tar'},
    prepare: image((from, to) => run('tar', ['-czf', to, '-C', from, '.'])),
  },
  {
    ...base,
    type: 'fuse-zip',
    tools: {'fuse-zip': 'fuse-zip', zip: 'zip'},
    prepare: image((from, to) =>
      run('sh', ['-c', `cd "$1" && zip -qry "$2.zip" . && mv "$2.zip" "$2"`, 'sh', from, to]),
    ),
  },
  {
    ...base,
    type: 'gocryptfs',
    tools: {gocryptfs: 'gocryptfs'},
    prepare: (directory, big = 0) => {
      const content = tree(directory, big);
      const cipher = join(directory, 'cipher');
      const password = join(directory, 'password');
      writeFileSync(password, 'correct horse battery staple\n', {mode: 0o600});
      run('mkdir', [cipher]);
      run('gocryptfs', ['-init', '-q', '-scryptn', '10', '-passfile', password, cipher]);
      fillThrough(directory, content, (target) =>
        run('gocryptfs', ['-q', '-passfile', password, cipher, target]),
      );
      return {source: cipher, tree: content, policy: `secrets = {password = "${password}"}`};
    },
  },
  {
    ...base,
    type: 'ntfs',
    tools: {'ntfs-3g': 'ntfs-3g', mkntfs: 'ntfs-3g'},
    symlinks: false,
    detected: true,
    prepare: image(
      (from, to, {directory, mib}) => {
        run('truncate', ['-s', `${mib}M`, to]);
        run('mkntfs', ['-qQF', to]);
        fillThrough(directory, from, (target) => run('ntfs-3g', [to, target]));
      },
      {symlinks: false},
    ),
  },
  {
    ...base,
    type: 'exfat',
    tools: {'mount.exfat-fuse': 'exfat-fuse', 'mkfs.exfat': 'exfatprogs'},
    symlinks: false,
    detected: true,
    prepare: image(
      (from, to, {directory, mib}) => {
        run('truncate', ['-s', `${mib}M`, to]);
        run('mkfs.exfat', [to]);
        // As root it mounts block devices alone.
        const device = run('losetup', ['--find', '--show', to]).trim();
        try {
          fillThrough(directory, from, (target) => run('mount.exfat-fuse', [device, target]));
        } finally {
          run('losetup', ['--detach', device]);
        }
      },
      {symlinks: false},
    ),
  },
  {
    ...base,
    type: 'iso9660',
    tools: {fuseiso: 'fuseiso', genisoimage: 'genisoimage'},
    detected: true,
    prepare: image((from, to) =>
      run('genisoimage', ['-quiet', '-R', '-input-charset', 'utf-8', '-o', to, from]),
    ),
  },
  {
    ...base,
    type: 'unionfs',
    tools: {unionfs: 'unionfs-fuse'},
    prepare: (directory, big = 0) => {
      const content = tree(directory, big);
      const lower = join(directory, 'lower');
      const upper = join(directory, 'upper');
      run('cp', ['-a', content, lower]);
      run('mkdir', [upper]);
      run('mv', [join(lower, 'size-4095'), join(lower, 'deep'), upper]);
      return {
        source: 'upper=RO:lower=RO',
        tree: content,
        policy: `grants = ["ro:${upper}:/upper", "ro:${lower}:/lower"]`,
      };
    },
  },
  {
    ...base,
    type: 'sshfs',
    tools: {sshfs: 'sshfs', ssh: 'openssh-client', sshd: 'openssh-server'},
    network: true,
    prepare: async (directory, big = 0) => {
      const content = tree(directory, big);
      const peer = await sftpPeer(directory);
      return {
        source: `root@127.0.0.1:${content}`,
        tree: content,
        policy: [
          `network = ["127.0.0.1:${peer.port}"]`,
          `grants = ["ro:${join(directory, 'key')}:/keys/id", "ro:${join(directory, 'known_hosts')}:/keys/known_hosts"]`,
        ].join('\n'),
        options: [`port=${peer.port}`],
        peer,
      };
    },
  },
  {
    ...base,
    type: 'rclone',
    tools: {rclone: 'rclone'},
    symlinks: false,
    network: true,
    prepare: async (directory, big = 0) => {
      const content = tree(directory, big, false);
      const peer = await webPeer(content, directory);
      return {
        source: 'peer:',
        tree: content,
        policy: [
          `network = ["127.0.0.1:${peer.port}"]`,
          `environment = {RCLONE_CONFIG_PEER_TYPE = "webdav", RCLONE_CONFIG_PEER_URL = "http://127.0.0.1:${peer.port}"}`,
        ].join('\n'),
        peer,
      };
    },
  },
];

/** A policy file as it ships, with lines of this test at the end of its `[server]` table. */
export function policyFor(shipped: string, lines: string): string {
  const text = readFileSync(shipped, 'utf8');
  if (!/^\[server\]$/m.test(text)) throw new Error(`${shipped} has no [server]`);
  const keys = [...lines.matchAll(/^\w+/gm)].map(([key]) => key);
  const kept = text.split('\n').filter((line) => !keys.some((key) => line.startsWith(`${key} =`)));
  return kept.join('\n').replace(/^\[server\]$/m, `[server]\n${lines}`);
}
