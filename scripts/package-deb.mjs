// Makes the Debian package with Debian's own tools: npm run package:deb [-- DIRECTORY]. Only a binary package: what goes into it is built by npm.
import {copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync} from 'node:fs';
import {join, relative, resolve} from 'node:path';
import {build, checkNode, fail, installPackages, installTools, root, run, say, version} from './prepare.mjs';

const work = resolve(root, process.argv[2] ?? '.cache/deb');
const source = join(work, `fuseward-${version()}`);

checkNode();
installTools({'dpkg-buildpackage': 'dpkg-dev', dh: 'debhelper', lintian: 'lintian', make: 'make'});
installPackages();
build();

const debian = /^fuseward \(([^)]+)\)/.exec(
  readFileSync(join(root, 'packaging/debian/changelog'), 'utf8'),
)?.[1];
if (debian !== version()) {
  fail(`packaging/debian/changelog is of version ${debian}, package.json of ${version()}`);
}

rmSync(work, {recursive: true, force: true});
mkdirSync(source, {recursive: true});
run(process.execPath, ['scripts/program-tree.mjs', join(source, 'root')]);
cpSync(join(root, 'packaging/debian'), join(source, 'debian'), {recursive: true});
for (const name of ['README.md', 'SECURITY.md']) copyFileSync(join(root, name), join(source, name));
// Under another name: debhelper would take CHANGELOG.md for the changelog of the Debian package.
copyFileSync(join(root, 'CHANGELOG.md'), join(source, 'root/usr/share/doc/fuseward/release-notes.md'));
// debhelper wants to install these itself: it adds what makes and removes their users and directories.
for (const [folder, kind] of [
  ['sysusers.d', 'sysusers'],
  ['tmpfiles.d', 'tmpfiles'],
]) {
  const from = join(source, 'root/usr/lib', folder);
  for (const name of readdirSync(from)) {
    if (name !== 'fuseward.conf')
      fail(`units/${folder}/${name}: the Debian package knows fuseward.conf only`);
    renameSync(join(from, name), join(source, `debian/fuseward.${kind}`));
  }
  rmSync(from, {recursive: true});
}

// The tools need their usual PATH and a umask that lets everybody read, and nothing else of the caller's environment.
process.umask(0o022);
const env = {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: root, LC_ALL: 'C.UTF-8', LANG: 'C.UTF-8'};
run('dpkg-buildpackage', ['--build=binary', '--no-sign'], {
  cwd: source,
  env,
  stdio: ['ignore', 'ignore', 'inherit'],
});
const changes = readdirSync(work).find((name) => name.endsWith('.changes'));
const package_ = readdirSync(work).find((name) => name.endsWith('.deb') && !name.includes('-dbgsym'));
if (changes === undefined || package_ === undefined) fail('dpkg-buildpackage made no package');
run('lintian', ['--allow-root', '--fail-on', 'error', '--tag-display-limit', '0', join(work, changes)], {
  env,
});
rmSync(source, {recursive: true});
say(`made ${join(relative(root, work), package_)}`);
