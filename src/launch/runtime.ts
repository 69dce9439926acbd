import {existsSync, readFileSync, realpathSync, statSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {loadedLibraries} from '../sys/loaded-libraries.js';

/** The files a contained server needs; everything else of the machine stays out of its sight. */
export interface Runtime {
  /** The Node binary. */
  readonly node: string;
  /** Whether an ordinary user can reach `node` by its path. A runtime below /root can't be. */
  readonly nodeReachable: boolean;
  /** The loader and shared libraries of `node`, each where the loader looks for it. */
  readonly libraries: readonly string[];
  /** Directories that `node` reads when it starts, each at its own path. */
  readonly data: readonly string[];
  /** The program: one file, or the first of those that `parts` has. */
  readonly program: string;
  /** What the first file looks for beside itself (`src/start/`), by what stands in its name in place of `.js`; none of a program of one file. */
  readonly parts: ReadonlyMap<string, string>;
  /** koffi's native module. */
  readonly native: string;
}

/**
 * Where Debian's own Node has parts of itself that others have inside the binary (acorn, cjs-module-lexer, undici). It reads them from here
 * when it starts and ends when it can't. They are public JavaScript.
 */
const OUTER_BUILTINS = '/usr/share/nodejs';

/** Where libraries lie when the loader does not tell which ones it took. */
const LIBRARY_DIRECTORIES = ['/lib', '/lib64', '/usr/lib', '/usr/lib64'];

/** Bits of a file's mode that let users who are neither its owner nor in its group do that. */
const FOR_OTHERS = {read: 0o004, execute: 0o005};

/**
 * Whether any user may follow `path` and read what is there, or read and execute it, by the mode bits of each component.
 * @param known directories that were looked at for another path, for this one
 */
export function isOpenToAll(
  path: string,
  use: keyof typeof FOR_OTHERS,
  known: Map<string, boolean> = new Map(),
): boolean {
  return leadsOn(dirname(path), known) && hasBits(path, FOR_OTHERS[use]);
}

/** Whether any user may go through a directory, and to it. */
function leadsOn(directory: string, known: Map<string, boolean>): boolean {
  const before = known.get(directory);
  if (before !== undefined) return before;
  const leads = hasBits(directory, 0o001) && (directory === '/' || leadsOn(dirname(directory), known));
  known.set(directory, leads);
  return leads;
}

function hasBits(path: string, bits: number): boolean {
  const stat = statSync(path, {throwIfNoEntry: false});
  return stat !== undefined && (stat.mode & bits) === bits;
}

/** The shared libraries of this process's own program, and its loader. */
function librariesOfNode(): string[] {
  const paths = loadedLibraries().filter((path) => !path.endsWith('.node'));
  return paths.length > 0 ? paths : LIBRARY_DIRECTORIES.filter((path) => isDirectory(path));
}

function isDirectory(path: string): boolean {
  return statSync(path, {throwIfNoEntry: false})?.isDirectory() ?? false;
}

/** koffi's native module as this process has it loaded. */
function nativeModule(): string {
  const path = /\s(\/\S*koffi\.node)$/m.exec(readFileSync('/proc/self/maps', 'utf8'))?.[1];
  if (path === undefined) throw new Error('koffi is not loaded in this process');
  return path;
}

/** A program's code, by thread, and what V8 compiled of it when it was built. */
const PARTS = ['main', 'first', 'thread'].flatMap((code) => [`.${code}.code.js`, `.${code}.cache`]);

function partsOf(program: string): Map<string, string> {
  const stem = program.replace(/\.js$/, '');
  const there = PARTS.filter((part) => existsSync(stem + part));
  return new Map(there.map((part) => [part, stem + part]));
}

/** The programs that are made to run in a sandbox. */
export type SandboxProgram = 'server' | 'probe' | 'adapter' | 'relay' | 'observe';

/** Finds the runtime of this very process, for servers to run on. */
export function findRuntime(program: SandboxProgram): Runtime {
  const node = realpathSync(process.execPath);
  const file = join(import.meta.dirname, `../../dist/sandbox/${program}.js`);
  return {
    node,
    nodeReachable: isOpenToAll(node, 'execute'),
    libraries: librariesOfNode(),
    // Another Node than the system's does not look there.
    data: node.startsWith('/usr/bin/') && isDirectory(OUTER_BUILTINS) ? [OUTER_BUILTINS] : [],
    program: file,
    parts: partsOf(file),
    native: nativeModule(),
  };
}
