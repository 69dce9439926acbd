// Everything the tests need, then the tests in two lanes at the same time: npm test [-- VITEST ARGUMENTS]
import {spawn, spawnSync} from 'node:child_process';
import {existsSync, readFileSync, rmSync} from 'node:fs';
import {join, relative} from 'node:path';
import {createInterface} from 'node:readline';
import {build, checkNode, installPackages, installTools, root, say} from './prepare.mjs';

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

/**
 * Words that give a program a mount namespace of its own; none where that can't be had. Tests make mount namespaces, and each has a copy
 * of every mount that it finds; so what one lane mounts must not be there in the other, or it stays busy after it was unmounted.
 */
function apart() {
  const words = ['unshare', '--mount', '--propagation', 'private'];
  return spawnSync(words[0], [...words.slice(1), 'true']).status === 0 ? words : [];
}

/** Runs a lane and shows what it says, line by line. What came of it. */
async function runLane(projects, before) {
  const lane = projects.join(' and ');
  const report = join(root, `.cache/test-report-${projects[0]}.json`);
  rmSync(report, {force: true});
  const began = Date.now();
  const [program, ...args] = [
    ...before,
    process.execPath,
    'node_modules/vitest/vitest.mjs',
    'run',
    ...projects.map((name) => `--project=${name}`),
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ];
  const child = spawn(program, args, {cwd: root, stdio: ['ignore', 'pipe', 'pipe']});
  for (const [stream, out] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ]) {
    createInterface({input: stream}).on('line', (line) => out.write(`${line}\n`));
  }
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const seconds = Math.round((Date.now() - began) / 1000);
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
  return {lane, status, seconds, counts};
}

const MOST_LINES = 8;
/** The files that took longest. */
function longest(files) {
  return files
    .map(({name, startTime, endTime}) => ({
      name: relative(root, name),
      seconds: (endTime - startTime) / 1000,
    }))
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, MOST_LINES)
    .map(({name, seconds}) => `${seconds.toFixed(1).padStart(7)} s  ${name}`);
}

// Projects of vitest.config.ts.
const ended = await Promise.all([runLane(['mounts'], []), runLane(['beside', 'unit'], apart())]);
for (const {lane, status, seconds, counts} of ended) {
  say(`the lane "${lane}" took ${seconds} s, exit code ${status}; most of it:`);
  for (const line of longest(counts?.testResults ?? [])) console.log(`  ${line}`);
}
const sum = (...names) =>
  ended.reduce((total, {counts}) => names.reduce((all, name) => all + (counts?.[name] ?? 0), total), 0);
console.log(
  `${sum('numPassedTests')} passed, ${sum('numFailedTests')} failed, ${sum('numPendingTests', 'numTodoTests')} skipped`,
);
process.exit(ended.every(({status, counts}) => status === 0 && counts !== undefined) ? 0 : 1);
