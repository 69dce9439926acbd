// Everything the tests need, then the tests: npm test [-- VITEST ARGUMENTS]
import {spawnSync} from 'node:child_process';
import {readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {build, checkNode, installPackages, installTools, root, say} from './prepare.mjs';

const REPORT = join(root, '.cache/test-report.json');

checkNode();
installTools({
  bwrap: 'bubblewrap',
  mke2fs: 'e2fsprogs',
  setfattr: 'attr',
  setfacl: 'acl',
  strace: 'strace',
  losetup: 'mount',
  nsenter: 'util-linux',
  systemctl: 'systemd',
  fuse2fs: 'fuse2fs',
  curl: 'curl',
  script: 'bsdutils',
  groff: 'groff-base',
  debootstrap: 'debootstrap',
  'dpkg-buildpackage': 'dpkg-dev',
  dh: 'debhelper',
  lintian: 'lintian',
  make: 'make',
  // FUSE servers that policy ships for, and what makes their sources.
  squashfuse_ll: 'squashfuse',
  mksquashfs: 'squashfs-tools',
  bindfs: 'bindfs',
  archivemount: 'archivemount',
  'fuse-zip': 'fuse-zip',
  zip: 'zip',
  gocryptfs: 'gocryptfs',
  'ntfs-3g': 'ntfs-3g',
  'mount.exfat-fuse': 'exfat-fuse',
  'mkfs.exfat': 'exfatprogs',
  fuseiso: 'fuseiso',
  genisoimage: 'genisoimage',
  unionfs: 'unionfs-fuse',
  sshfs: 'sshfs',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  rclone: 'rclone',
  fusermount3: 'fuse3',
});
installPackages();
build();
if (process.getuid() !== 0) say('not root: tests that mount will be skipped');

rmSync(REPORT, {force: true});
const {status} = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${REPORT}`,
    ...process.argv.slice(2),
  ],
  {cwd: root, stdio: 'inherit'},
);
const {numPassedTests, numFailedTests, numPendingTests, numTodoTests} = JSON.parse(
  readFileSync(REPORT, 'utf8'),
);
console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests + numTodoTests} skipped`);
process.exit(status ?? 1);
