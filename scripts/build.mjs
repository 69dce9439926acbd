// Builds dist/: the modules with their types (for users of the library), and programs of one file each, which start
// faster than hundreds of modules and can be handed into a sandbox by descriptor.
import {spawnSync} from 'node:child_process';
import {existsSync, renameSync, rmSync, writeFileSync} from 'node:fs';
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

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
  legalComments: 'none',
};

await build({
  ...common,
  entryPoints: {
    server: 'src/server/main.ts',
    probe: 'src/probe/main.ts',
    adapter: 'src/adapter/main.ts',
    relay: 'src/relay/main.ts',
    observe: 'src/observe/main.ts',
  },
  outdir: `${made}/sandbox`,
  // In the sandbox koffi's native module lies beside the program; elsewhere the installed package has it.
  alias: {koffi: './scripts/koffi-native.mjs'},
});
await build({
  ...common,
  entryPoints: ['src/cli/main.ts'],
  outfile: `${made}/cli/main.js`,
  external: ['koffi'],
  allowOverwrite: true,
});

// Out of the way first: to remove it takes so long that whoever starts a program meanwhile would find half of it.
const old = `${made}.old`;
if (existsSync('dist')) renameSync('dist', old);
renameSync(made, 'dist');
rmSync(old, {recursive: true, force: true});

// The wrapper never asks PATH; one that would not find this Node is told where it is.
if (['/usr/bin/node', '/usr/local/bin/node'].includes(process.execPath))
  rmSync('bin/node-path', {force: true});
else writeFileSync('bin/node-path', `${process.execPath}\n`);
