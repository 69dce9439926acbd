// Builds dist/: the modules with their types (for users of the library), and programs of one file each, which start
// faster than hundreds of modules and can be handed into a sandbox by descriptor.
import {spawnSync} from 'node:child_process';
import {existsSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';

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
  banner: {js: "const __url = require('node:url').pathToFileURL(__filename).href;"},
  define: {'import.meta.url': '__url'},
  // The native module alone, without the search for it: in a sandbox it lies beside the program, elsewhere the installed package has it.
  alias: {koffi: './scripts/koffi-native.mjs'},
};

/** Programs that start often: the first file and the code (src/start/). */
const QUICK = {'cli/main': 'src/cli/main.ts', 'sandbox/server': 'src/server/main.ts'};

const quick = [];
for (const [name, entry] of Object.entries(QUICK)) {
  await build({...common, entryPoints: [entry], outfile: `${made}/${name}.code.js`});
  const first = name.startsWith('cli/') ? `${made}/${name}.cjs` : `${made}/${name}.js`;
  await build({...common, banner: {}, entryPoints: ['src/start/main.ts'], outfile: first});
  quick.push(first);
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

// Nobody's file on nothing: everything of a mount command up to there runs.
const nothing = join(made, 'none');
for (const words of [
  ['--ran', quick[0], 'mount', '--no-announce', '--json', nothing, nothing],
  ['--all', quick[1]],
]) {
  const {error} = spawnSync(process.execPath, ['scripts/make-cache.mjs', ...words], {
    stdio: 'ignore',
    env: {},
  });
  if (error !== undefined) throw error;
  if (!existsSync(words[1].replace(/\.c?js$/, '.cache'))) throw new Error(`${words[1]}: no cache was made`);
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
