/**
 * The first file of the command, main.cjs: runs main.code.js, or for what mounts early.code.js and mount.code.js. The former is small; it starts the
 * server that a mount will need, which then starts while the latter is read. What both need is in the former.
 */
import {forgetHeapFlags} from './heap-flags.js';
import {loadCode} from './load-code.js';
import {MOUNTING} from './mounting.js';

declare const module: NodeJS.Module;

interface EarlyCode {
  /** Begins what the words of a command line ask for (`cli/mount/begin.ts`). */
  beginMount(words: readonly string[]): void;
  /** Its modules. */
  shared(): unknown;
}

forgetHeapFlags();
const words = process.argv.slice(2);
if (MOUNTING.includes(words[0] ?? '')) {
  const early = loadCode(`${module.path}/early`, module) as EarlyCode;
  early.beginMount(words);
  loadCode(`${module.path}/mount`, module, early.shared());
} else {
  loadCode(`${module.path}/main`, module);
}
