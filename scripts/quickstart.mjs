// From a clean clone to a mounted image: npm run quickstart [-- IMAGE]
import {spawnSync} from 'node:child_process';
import {cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {
  build,
  checkNode,
  checkRoot,
  fail,
  installPackages,
  installTools,
  root,
  run,
  say,
} from './prepare.mjs';

const MOUNT_POINT = '/run/fuseward/quickstart';
const FUSEWARD = join(root, 'bin/fuseward');

/** An ext4 image with the project's own sources and documents in it, and a few things that only file systems have. */
function makeImage() {
  const image = join(root, '.cache/quickstart.img');
  mkdirSync(join(root, '.cache'), {recursive: true});
  const tree = mkdtempSync(join(tmpdir(), 'fuseward-tree-'));
  try {
    for (const name of ['src', 'docs', 'README.md', 'ARCHITECTURE.md', 'LICENSE']) {
      if (existsSync(join(root, name))) cpSync(join(root, name), join(tree, name), {recursive: true});
    }
    writeFileSync(
      join(tree, 'hello.txt'),
      'Hello from an ext4 image, read by a server without any rights.\n',
    );
    symlinkSync('hello.txt', join(tree, 'a-symlink'));
    rmSync(image, {force: true});
    run('mke2fs', ['-q', '-t', 'ext4', '-L', 'quickstart', '-d', tree, image, '64M']);
  } finally {
    rmSync(tree, {recursive: true, force: true});
  }
  return image;
}

function show(title, command, args) {
  console.log(`\n── ${title}\n$ ${[command, ...args].join(' ').replace(FUSEWARD, 'bin/fuseward')}`);
  run(command, args);
}

checkNode();
checkRoot('quickstart');
const given =
  process.argv[2] === undefined ? undefined : resolve(process.env.INIT_CWD ?? process.cwd(), process.argv[2]);
if (given !== undefined && !existsSync(given)) fail(`there is no image ${given}`);
installTools({bwrap: 'bubblewrap', mke2fs: 'e2fsprogs'});
installPackages();
build();

mkdirSync(MOUNT_POINT, {recursive: true});
if (spawnSync('mountpoint', ['-q', MOUNT_POINT]).status === 0) {
  say(`unmounting what an earlier run left on ${MOUNT_POINT}`);
  run(FUSEWARD, ['umount', MOUNT_POINT]);
}
const image = given ?? makeImage();

show('mount it through a contained server', FUSEWARD, ['mount', image, MOUNT_POINT]);
show('what is in it', 'ls', ['-l', MOUNT_POINT]);
show('how its server is contained', FUSEWARD, ['status', MOUNT_POINT]);
console.log(`
── look further
  ls -lR ${MOUNT_POINT}
  bin/fuseward status ${MOUNT_POINT} --json
  bin/fuseward doctor
── and when you are done
  bin/fuseward umount ${MOUNT_POINT}`);
