// Runs a TypeScript program of the checkout with everything it needs: npm run bench, npm run fuzz.
import {build, checkNode, checkRoot, fail, installPackages, installTools, run} from './prepare.mjs';

const [, , entry, ...args] = process.argv;
if (entry === undefined) fail('usage: run.mjs ENTRY [ARGUMENTS]');

checkNode();
checkRoot(entry);
installTools({
  bwrap: 'bubblewrap',
  mke2fs: 'e2fsprogs',
  setfattr: 'attr',
  setfacl: 'acl',
  fuse2fs: 'fuse2fs',
});
installPackages();
build();
run(process.execPath, ['test/support/start.mjs', entry, ...args]);
