// Lays the built program out as a Debian system has it: node scripts/program-tree.mjs DIRECTORY
// Everything the manager loads is one file here, so of the npm packages only koffi comes along, and of koffi only what is for
// this machine's processor. Used for the Debian package and the container image.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import {build} from 'esbuild';
import {fail, root} from './prepare.mjs';

const target = process.argv[2];
if (target === undefined) fail('usage: program-tree.mjs DIRECTORY');
process.chdir(root);
if (!existsSync('dist/cli/main.cjs')) fail('not built yet: run npm run build');

const native = `@koromix/koffi-linux-${process.arch}`;
if (!existsSync(`node_modules/${native}`)) fail(`koffi has no native module for ${process.arch}`);
const PROGRAM = 'usr/lib/fuseward';
const PROGRAM_FILES = [
  'main.cjs',
  ...['main', 'early', 'mount'].flatMap((code) => [`${code}.code.js`, `${code}.cache`]),
].map((name) => `dist/cli/${name}`);

function copy(from, to = join(PROGRAM, from)) {
  const place = join(target, to);
  mkdirSync(dirname(place), {recursive: true});
  cpSync(from, place, {recursive: true});
}

function link(at, leadsTo) {
  mkdirSync(dirname(join(target, at)), {recursive: true});
  symlinkSync(leadsTo, join(target, at));
}

/** Names of the npm packages whose code is in what esbuild made. */
function packagesIn({inputs}) {
  return Object.keys(inputs).flatMap((path) => {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
    return name === undefined ? [] : [name];
  });
}

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['koffi'],
  metafile: true,
  logLevel: 'warning',
};

/** The manager in one file. It lies where relative paths (to the policy, to the server's program) lead to the same places as from main.cjs. */
async function bundleManager() {
  const require =
    "import {createRequire as _createRequire} from 'node:module'; const require = _createRequire(import.meta.url);";
  const {metafile} = await build({
    ...common,
    entryPoints: ['src/cli/daemon/run.ts'],
    outfile: join(target, PROGRAM, 'dist/cli/manager.js'),
    // Some of its packages are CommonJS and ask for modules of Node's own by require().
    banner: {js: require},
  });
  mkdirSync(join(target, PROGRAM, 'dist/cli/daemon'), {recursive: true});
  writeFileSync(join(target, PROGRAM, 'dist/cli/daemon/run.js'), "export * from '../manager.js';\n");
  return packagesIn(metafile);
}

/** The packages in the programs that are already built. */
async function packagesInPrograms() {
  const {metafile} = await build({
    ...common,
    entryPoints: [
      'src/cli/main.ts',
      'src/cli/mount-main.ts',
      'src/server/main-thread.ts',
      'src/server/request-thread.ts',
    ],
    outdir: '.',
    write: false,
  });
  return packagesIn(metafile);
}

function licenceOf(name) {
  const folder = join('node_modules', name);
  const {version, license, licenses} = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((each) => /^(licen[cs]e|copying)(\.|$)/i.test(each));
  const terms = license ?? licenses?.map(({type}) => type).join(', ') ?? 'see below';
  const text =
    file === undefined ? 'Its package has no licence text.\n' : readFileSync(join(folder, file), 'utf8');
  return `${name} ${version} (${terms})\n\n${text.trimEnd()}\n`;
}

/** Directories and programs readable by all, whatever the umask and the checkout are. */
function setModes(folder) {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, {withFileTypes: true})) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) setModes(path);
    else if (entry.isFile()) chmodSync(path, dirname(path) === join(target, PROGRAM, 'bin') ? 0o755 : 0o644);
  }
}

const bundled = await bundleManager();
for (const name of ['package.json', ...PROGRAM_FILES, 'dist/sandbox', 'policy']) copy(name);
for (const name of readdirSync('bin')) if (name !== 'node-path') copy(`bin/${name}`);
for (const name of ['package.json', 'index.js', 'index.cjs', 'src/koffi/index.js', 'src/koffi/index.cjs']) {
  copy(`node_modules/koffi/${name}`);
}
for (const name of ['static.js', 'static.cjs']) copy(`node_modules/koffi/src/koffi/src/${name}`);
for (const name of ['package.json', 'index.js', `linux_${process.arch}`])
  copy(`node_modules/${native}/${name}`);

link('usr/bin/fuseward', '../lib/fuseward/bin/fuseward');
link('usr/sbin/mount.fuseward', '../lib/fuseward/bin/mount.fuseward');
copy('units', 'usr/lib/systemd/system');
for (const name of ['sysusers.d', 'tmpfiles.d']) {
  renameSync(join(target, 'usr/lib/systemd/system', name), join(target, 'usr/lib', name));
}
copy('packaging/policy.d', 'etc/fuseward/policy.d');
for (const name of readdirSync('man')) copy(`man/${name}`, `usr/share/man/man8/${name}`);
copy('completions/fuseward.bash', 'usr/share/bash-completion/completions/fuseward');
copy('completions/_fuseward', 'usr/share/zsh/vendor-completions/_fuseward');

const names = [...new Set([...bundled, ...(await packagesInPrograms()), 'koffi'])].sort();
mkdirSync(join(target, 'usr/share/doc/fuseward'), {recursive: true});
writeFileSync(
  join(target, 'usr/share/doc/fuseward/bundled-packages.txt'),
  `Packages whose code is part of the programs in /${PROGRAM}, and their licences.\n\n${names.map(licenceOf).join(`\n${'-'.repeat(72)}\n\n`)}`,
);
setModes(target);
