import {accessSync, constants, statSync} from 'node:fs';

/** Where programs are looked for that policy names without a path, in this order. PATH is the caller's and has no say. */
export const PROGRAM_DIRECTORIES = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/bin', '/sbin'] as const;

/** Debian packages of FUSE servers that people know by their program's name. */
const PACKAGES: Readonly<Record<string, string>> = {
  archivemount: 'archivemount',
  bindfs: 'bindfs',
  curlftpfs: 'curlftpfs',
  encfs: 'encfs',
  fuse2fs: 'fuse2fs',
  'fuse-zip': 'fuse-zip',
  fuseiso: 'fuseiso',
  'fuse-overlayfs': 'fuse-overlayfs',
  gocryptfs: 'gocryptfs',
  'lowntfs-3g': 'ntfs-3g',
  mergerfs: 'mergerfs',
  'mount.exfat': 'exfat-fuse',
  'mount.exfat-fuse': 'exfat-fuse',
  'ntfs-3g': 'ntfs-3g',
  rclone: 'rclone',
  s3fs: 's3fs',
  squashfuse: 'squashfuse',
  squashfuse_ll: 'squashfuse',
  sshfs: 'sshfs',
  'unionfs-fuse': 'unionfs-fuse',
  unionfs: 'unionfs-fuse',
};

/** A command whose program is not on this machine. */
export class MissingProgram extends Error {
  /** As policy names it. */
  readonly program: string;
  /** Debian package that has it, where that is known. */
  readonly package: string | undefined;

  /** @param found what is there instead of a program: ends a sentence */
  constructor(program: string, found?: string) {
    const known = Object.hasOwn(PACKAGES, program) ? PACKAGES[program] : undefined;
    const where = program.startsWith('/') ? '' : ` in ${PROGRAM_DIRECTORIES.join(', ')}`;
    const advice = known === undefined ? '' : ` (Debian package ${known})`;
    super(found === undefined ? `there is no program ${program}${where}${advice}` : `${program} ${found}`);
    this.program = program;
    this.package = known;
  }
}

/** The program of a command by its absolute path. @throws MissingProgram */
export function findProgram(program: string): string {
  const places = program.startsWith('/')
    ? [program]
    : PROGRAM_DIRECTORIES.map((place) => `${place}/${program}`);
  const found = places.find(isExecutable);
  if (found === undefined)
    throw new MissingProgram(program, program.startsWith('/') ? whatIsThere(program) : undefined);
  return found;
}

/** What a path leads to that is no program; undefined for nothing. */
function whatIsThere(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? 'is not executable' : 'is not a file';
  } catch {
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
