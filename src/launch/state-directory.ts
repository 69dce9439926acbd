import {chownSync, lstatSync, mkdirSync, renameSync, writeFileSync} from 'node:fs';

/** Where commands keep what outlives a mount (`server.state`). Only root gets through it. */
export const STATE_DIRECTORY = '/var/lib/fuseward/state';
/** nobody(5): what commands write belongs to no one who could do anything with it. */
const NOBODY = 65_534;
const NAME_LENGTH = 16;

/** Whose state it is. */
export interface StateOwner {
  readonly type: string;
  readonly callerUid: number;
  /** Path or name of the source. */
  readonly source: string;
}

/**
 * The state directory for mounts of a source by a user, made when missing: `TYPE/NAME/files`, with `source.json` beside it for the administrator.
 * NAME is a digest, so that nothing in a source's name becomes part of a path.
 *
 * @param base for tests
 * @throws Node's error; Error when something else lies there
 */
export function stateDirectory(owner: StateOwner, base: string = STATE_DIRECTORY): string {
  // Loaded here, since it takes 3 ms of every mount that needs no such directory.
  const {createHash} = process.getBuiltinModule('node:crypto');
  const digest = createHash('sha256').update(JSON.stringify([owner.type, owner.callerUid, owner.source]));
  const place = `${base}/${owner.type}/${digest.digest('hex').slice(0, NAME_LENGTH)}`;
  const files = `${place}/files`;
  mkdirSync(base, {recursive: true, mode: 0o700});
  mkdirSync(files, {recursive: true, mode: 0o700});
  for (const directory of [base, place]) {
    const stat = lstatSync(directory);
    if (!stat.isDirectory() || stat.uid !== 0 || (stat.mode & 0o022) !== 0) {
      throw new Error(`can't use ${directory}: it must be a directory of root's`);
    }
  }
  if (lstatSync(files).uid !== NOBODY) chownSync(files, NOBODY, NOBODY);
  writeFileSync(`${place}/source.json.new`, `${JSON.stringify(owner)}\n`, {mode: 0o600});
  renameSync(`${place}/source.json.new`, `${place}/source.json`);
  return files;
}
