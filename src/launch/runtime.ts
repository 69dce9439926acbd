import {spawnSync} from 'node:child_process';
import {readFileSync, realpathSync, statSync} from 'node:fs';
import {dirname} from 'node:path';
import {fileURLToPath} from 'node:url';

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
  /** The program, one file. */
  readonly program: string;
  /** koffi's native module. */
  readonly native: string;
}

/**
 * Where Debian's own Node has parts of itself that others have inside the binary (acorn, cjs-module-lexer, undici). It reads them from here
 * when it starts and ends when it can't. They are public JavaScript.
 */
const OUTER_BUILTINS = '/usr/share/nodejs';

/** Where libraries lie when the loader does not tell which ones it takes (musl). */
const LIBRARY_DIRECTORIES = ['/lib', '/lib64', '/usr/lib', '/usr/lib64'];

/** Whether any user may follow `path` and read and execute what is there, by the mode bits of each component. */
function reachableByAll(path: string): boolean {
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    if ((statSync(directory).mode & 0o001) === 0) return false;
    if (directory === '/') break;
  }
  return (statSync(path).mode & 0o005) === 0o005;
}

/**
 * The shared libraries of a program, asked of the loader itself: with LD_TRACE_LOADED_OBJECTS set it prints them instead
 * of starting the program (ld.so(8)).
 */
function librariesOf(program: string): string[] {
  const {stdout} = spawnSync(program, {env: {LD_TRACE_LOADED_OBJECTS: '1'}, encoding: 'utf8', cwd: '/'});
  const paths = [...(stdout ?? '').matchAll(/(?:^|=>)\s*(\/\S+) \(0x/gm)].map((match) => match[1]!);
  return paths.length > 0 ? paths : LIBRARY_DIRECTORIES.filter((path) => isDirectory(path));
}

function isDirectory(path: string): boolean {
  return statSync(path, {throwIfNoEntry: false})?.isDirectory() ?? false;
}

/** koffi's native module as this process has it loaded. */
function nativeModule(): string {
  const path = /\s(\/\S*koffi\.node)$/m.exec(readFileSync('/proc/self/maps', 'latin1'))?.[1];
  if (path === undefined) throw new Error('koffi is not loaded in this process');
  return path;
}

/** The programs that are made to run in a sandbox. */
export type SandboxProgram = 'server' | 'probe' | 'adapter' | 'relay' | 'observe';

/** Finds the runtime of this very process, for servers to run on. */
export function findRuntime(program: SandboxProgram): Runtime {
  const node = realpathSync(process.execPath);
  return {
    node,
    nodeReachable: reachableByAll(node),
    libraries: librariesOf(node),
    // Another Node than the system's does not look there.
    data: node.startsWith('/usr/bin/') && isDirectory(OUTER_BUILTINS) ? [OUTER_BUILTINS] : [],
    program: fileURLToPath(new URL(`../../dist/sandbox/${program}.js`, import.meta.url)),
    native: nativeModule(),
  };
}
