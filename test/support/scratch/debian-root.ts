import {existsSync, mkdirSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {CHECKOUT} from '../checkout.js';
import {runCommand} from '../systemd/command.js';

/** The Debian release whose own nodejs is new enough (20.19). */
export const SUITE = 'trixie';

const PLACE = join(CHECKOUT, '.cache/scratch');
const ROOT = join(PLACE, 'root');
/** A mirror that is slow is no reason to fail. */
const PATIENCE_MS = 300_000;

/** Debian's mirror as this machine's apt has it; undefined where it has none. */
export function debianMirror(): string | undefined {
  const folder = '/etc/apt/sources.list.d';
  const names = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const texts = ['/etc/apt/sources.list', ...names]
    .filter((name) => existsSync(name))
    .map((name) => readFileSync(name, 'utf8'));
  const found = texts.flatMap((text) => [
    ...[...text.matchAll(/^URIs:\s*(\S+)/gm)].map(([, uri]) => uri!),
    ...[...text.matchAll(/^deb\s+(?:\[[^\]]*\]\s*)?(\S+)/gm)].map(([, uri]) => uri!),
  ]);
  return found.find((uri) => /\/debian\/?$/.test(uri));
}

/** A small Debian system in a directory, made once for a run and taken away at its end. */
export interface DebianRoot {
  readonly path: string;
  /** Where packages that one test downloaded are found by the next. */
  readonly archives: string;
}

/** Why none can be made here at all; undefined when it may work. Belongs into the title of what is skipped. */
export function cannotMakeDebian(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (!existsSync('/dev/fuse')) return 'no /dev/fuse';
  if (!existsSync('/usr/sbin/debootstrap')) return 'no debootstrap';
  if (debianMirror() === undefined) return 'apt has no mirror of Debian';
  return undefined;
}

/** The mirror can't be reached, or does not have it. */
export class NoMirrorError extends Error {}

/**
 * Makes one by debootstrap: its smallest kind, without Node, without anything of fuseward's.
 * @throws NoMirrorError when the mirror can't be reached or has no such release
 */
export async function makeDebian(): Promise<DebianRoot> {
  rmSync(PLACE, {recursive: true, force: true});
  const archives = join(PLACE, 'archives');
  mkdirSync(join(archives, 'partial'), {recursive: true});
  const argv = ['debootstrap', '--variant=minbase', SUITE, ROOT, debianMirror()!];
  const {status, stdout} = await runCommand(argv, {timeoutMs: PATIENCE_MS});
  if (status !== 0) {
    if (/Failed getting release file|Couldn't download/.test(stdout)) throw new NoMirrorError(stdout.trim());
    throw new Error(`debootstrap: ${stdout.slice(-2_000)}`);
  }
  return {path: ROOT, archives};
}

export function removeDebian(): void {
  rmSync(PLACE, {recursive: true, force: true});
}
