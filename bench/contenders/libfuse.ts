import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {run} from '../../test/support/mounts.js';
import {BENCH_CACHE} from '../native/compile.js';
import {installed, isProgram} from '../packages.js';

/** The first libfuse with FUSE over io_uring. */
const LEAST = '3.18';
/** Debian's suite whose source is taken; its binaries would need a newer C library. */
const SUITE = 'sid';
const SOURCE_PACKAGE = 'fuse3';
const BUILT = join(BENCH_CACHE, 'libfuse');

export interface Libfuse {
  readonly version: string;
  /** The path of its example, which passes a directory through. */
  readonly passthrough: string;
}

/**
 * libfuse with io_uring and its passthrough_ll, built from Debian's source of a newer suite than the machine's own: by lists
 * and a cache of apt's that lie in the cache of benchmarks, so the machine's stay as they are.
 * @throws Error when the source can't be had or does not build
 */
export function libfuse(): Libfuse {
  const passthrough = join(BUILT, 'build', 'example', 'passthrough_ll');
  if (!existsSync(passthrough)) build();
  const text = run(passthrough, ['--version']);
  return {version: /FUSE library version:? ([\d.]+)/.exec(text)?.[1] ?? 'unknown', passthrough};
}

function build(): void {
  const tools = (): boolean =>
    ['cc', 'meson', 'ninja', 'dpkg-source', 'pkg-config'].every(isProgram) &&
    existsSync('/usr/include/liburing.h') &&
    existsSync('/usr/include/numa.h');
  const packages = ['gcc', 'libc6-dev', 'meson', 'ninja-build', 'dpkg-dev', 'pkg-config'];
  if (!installed(tools, ...packages, 'liburing-dev', 'libnuma-dev')) {
    throw new Error('what libfuse is built with can not be installed');
  }
  const draft = `${BUILT}-draft-${process.pid}`;
  mkdirSync(draft, {recursive: true});
  try {
    console.error(`building libfuse of Debian ${SUITE}, to measure against it`);
    const source = fetchSource(draft);
    const options = ['-Dbuildtype=release', '-Dtests=false', '-Dutils=false', '-Denable-io-uring=true'];
    quietly('meson', ['setup', join(draft, 'build'), source, ...options], draft);
    quietly('ninja', ['-C', join(draft, 'build'), 'example/passthrough_ll'], draft);
    rmSync(BUILT, {recursive: true, force: true});
    renameSync(draft, BUILT);
  } finally {
    rmSync(draft, {recursive: true, force: true});
  }
}

/** Fetches and unpacks the source. @returns its directory */
function fetchSource(directory: string): string {
  const lists = join(directory, 'lists');
  const list = join(directory, 'sources.list');
  mkdirSync(join(lists, 'partial'), {recursive: true});
  writeFileSync(list, `deb-src ${debianMirror()} ${SUITE} main\n`);
  const apart = [
    ...['-o', `Dir::Etc::sourcelist=${list}`, '-o', 'Dir::Etc::sourceparts=/dev/null'],
    ...['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${join(directory, 'cache')}`],
    ...['-o', 'APT::Sandbox::User=root'],
  ];
  quietly('apt-get', [...apart, '-qq', 'update'], directory);
  quietly('apt-get', [...apart, '-qq', 'source', SOURCE_PACKAGE], directory);
  const source = readdirSync(directory).find((name) => name.startsWith(`${SOURCE_PACKAGE}-`));
  if (source === undefined) throw new Error(`apt-get gave no source of ${SOURCE_PACKAGE}`);
  const version = source.slice(SOURCE_PACKAGE.length + 1);
  if (version.localeCompare(LEAST, 'en', {numeric: true}) < 0) {
    throw new Error(`${SUITE} has libfuse ${version}, io_uring came with ${LEAST}`);
  }
  return join(directory, source);
}

/** Where the machine has its own Debian packages from. */
function debianMirror(): string {
  const targets = run('apt-get', [
    'indextargets',
    '--format',
    '$(ORIGIN) $(REPO_URI)',
    'Created-By: Packages',
  ]);
  const mirror = targets
    .split('\n')
    .find((line) => /^Debian \S+\/debian\/?$/.test(line))
    ?.split(' ')[1];
  if (mirror === undefined) throw new Error('apt has no mirror of Debian');
  return mirror;
}

function quietly(command: string, args: string[], cwd: string): void {
  execFileSync(command, args, {cwd, stdio: ['ignore', 'ignore', 'inherit']});
}
