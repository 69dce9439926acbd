// Builds dist/: the modules with their types (for users of the library), and programs of one file each, which start
// faster than hundreds of modules and can be handed into a sandbox by descriptor.
import {spawnSync} from 'node:child_process';
import {existsSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';
import {withPolicyTexts} from './policy-texts.mjs';
import {buildFirst, takeShared} from './shared-code.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
// Made beside the old one and put in its place at the end: programs that run from dist/ meanwhile find all of one build.
const made = `dist.${process.pid}`;
process.on('exit', () => rmSync(made, {recursive: true, force: true}));

const {status} = spawnSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', made],
  {
    stdio: 'inherit',
  },
);
if (status !== 0) process.exit(status ?? 1);

// CommonJS, which Node starts faster than modules, and where import() of a part loads it when it is asked for.
const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  logLevel: 'warning',
  legalComments: 'none',
  // Made where it is asked for, which takes 1 ms.
  banner: {
    js: "const __meta = {get url() { return require('node:url').pathToFileURL(__filename).href; }};",
  },
  define: {'import.meta.url': '__meta.url', 'import.meta.dirname': '__dirname'},
  // The native module alone, without the search for it: in a sandbox it lies beside the program, elsewhere the installed package has it.
  alias: {koffi: './scripts/koffi-native.mjs'},
};

/** Programs that start often: their first files, which run the code (src/start/). */
for (const [outfile, entry] of [
  ['cli/main.cjs', 'src/start/main.ts'],
  ['sandbox/server.js', 'src/start/server.ts'],
]) {
  await build({...common, banner: {}, entryPoints: [entry], outfile: `${made}/${outfile}`});
}
/**
 * Their code is the body of the function that Node makes of CommonJS modules, and is written as that function: to put it together when it is read would be one more copy
 * of it in V8's heap, and one more collection.
 */
const code = {
  ...common,
  minify: true,
  banner: {
    js: `(function (exports, require, module, __filename, __dirname, importFile, shared) {${common.banner.js}`,
  },
  footer: {js: '})'},
};
/**
 * Their code, each with what of it V8 keeps compiled: all, or what runs on such an occasion. Where a program's code is in two parts, the second has from the
 * first what both need.
 */
const CODE = [
  ['cli/main', 'src/cli/main.ts', 'cli/main.cjs', '--ran', 'help'],
  ['cli/early', 'src/cli/early-main.ts', 'cli/main.cjs', '--all'],
  ['cli/mount', 'src/cli/mount-main.ts', 'cli/main.cjs', '--all'],
  ['sandbox/server.main', 'src/server/main-thread.ts', 'sandbox/server.js', '--all'],
  ['sandbox/server.first', 'src/server/thread-first.ts', 'sandbox/server.js', '--all'],
  [
    'sandbox/server.thread',
    'src/server/request-thread.ts',
    'sandbox/server.js',
    ...['--rehearsed', 'ext4', `${made}/sandbox/server.first`],
  ],
];
/** Second parts, and the first of each. */
const PARTS = new Map([
  ['cli/mount', 'cli/early'],
  ['sandbox/server.thread', 'sandbox/server.first'],
]);
const policyTexts = await withPolicyTexts(join(root, made));
const firstParts = new Set(PARTS.values());
/** Modules of first parts. */
const shared = new Map();
for (const [name, entry] of CODE) {
  const outfile = `${made}/${name}.code.js`;
  const plugins = PARTS.has(name) ? [takeShared(shared.get(PARTS.get(name)))] : [policyTexts];
  if (firstParts.has(name)) shared.set(name, await buildFirst({...code, entry, outfile, plugins}));
  else await build({...code, entryPoints: [entry], outfile, plugins});
}
await build({
  ...common,
  entryPoints: {
    probe: 'src/probe/main.ts',
    adapter: 'src/adapter/main.ts',
    relay: 'src/relay/main.ts',
    observe: 'src/observe/main.ts',
  },
  outdir: `${made}/sandbox`,
});
writeFileSync(`${made}/sandbox/package.json`, '{"type": "commonjs"}\n');

for (const [name, , first, ...what] of CODE) {
  const stem = `${made}/${name}`;
  const {error} = spawnSync(process.execPath, ['scripts/make-cache.mjs', stem, join(made, first), ...what], {
    stdio: 'ignore',
    env: {},
  });
  if (error !== undefined) throw error;
  if (!existsSync(`${stem}.cache`)) throw new Error(`${stem}: no cache was made`);
}

// Out of the way first: to remove it takes so long that whoever starts a program meanwhile would find half of it.
const old = `${made}.old`;
if (existsSync('dist')) renameSync('dist', old);
renameSync(made, 'dist');
rmSync(old, {recursive: true, force: true});

// The wrapper never asks PATH; one that would not find this Node is told where it is.
if (['/usr/bin/node', '/usr/local/bin/node'].includes(process.execPath))
  rmSync('bin/node-path', {force: true});
else writeFileSync('bin/node-path', `${process.execPath}\n`);
