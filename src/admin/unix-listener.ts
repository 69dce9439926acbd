import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs';
import type {Server} from 'node:http';
import {connect} from 'node:net';
import {dirname, join} from 'node:path';
import {groupId} from './group.js';

/** Where the admin socket is unless somebody says otherwise, and the group that may use it if it exists. */
export const ADMIN_SOCKET = '/run/fuseward/admin.sock';
export const ADMIN_GROUP = 'fuseward';

const SOCKET_MODE = 0o660;
/** unix(7): sun_path has 108 bytes, the last of which is NUL. */
const MOST_PATH_BYTES = 107;

/**
 * Listens on a socket at `path`, mode 0660, owned by root and `group`. It is made in a directory that only we can enter and gets its
 * place by rename(2) when its owner and mode are right: nobody else can connect a moment too early. A socket of a daemon that is gone
 * is replaced, one that answers is not.
 *
 * @param group name or number; undefined: `fuseward` if there is such a group, otherwise root
 * @returns removes the socket again, unless another one has taken its place
 * @throws Error, a sentence that names the path
 */
export async function listenOnPath(
  server: Server,
  path: string,
  group: string | undefined,
): Promise<() => void> {
  const gid = groupId(group ?? ADMIN_GROUP);
  if (gid === undefined && group !== undefined) throw new Error(`can't listen on ${path}: no group ${group}`);
  const directory = dirname(path);
  mkdirSync(directory, {recursive: true, mode: 0o755});
  checkDirectory(directory, path);
  await checkPlace(path);
  const nursery = mkdtempSync(join(directory, '.admin-'));
  try {
    const born = join(nursery, 's');
    if (Buffer.byteLength(born) > MOST_PATH_BYTES) {
      throw new Error(`can't listen on ${path}: the path is too long for a socket`);
    }
    await listen(server, born);
    const root = process.geteuid?.() === 0;
    if (root) chownSync(born, 0, gid ?? 0);
    chmodSync(born, SOCKET_MODE);
    const {dev, ino} = statSync(born);
    renameSync(born, path);
    return () => {
      const now = lookAt(path);
      if (now?.dev === dev && now.ino === ino) unlinkSync(path);
    };
  } catch (error) {
    server.close();
    throw error;
  } finally {
    rmSync(nursery, {recursive: true, force: true});
  }
}

function lookAt(path: string): Stats | undefined {
  return lstatSync(path, {throwIfNoEntry: false});
}

/** Whoever may write to the directory could put a socket of their own there, and be taken for the daemon. */
function checkDirectory(directory: string, path: string): void {
  const stat = statSync(directory);
  const mine = stat.uid === 0 || stat.uid === process.geteuid?.();
  if (!mine) throw new Error(`can't listen on ${path}: ${directory} belongs to user ${stat.uid}`);
  const sticky = (stat.mode & 0o1000) !== 0;
  if ((stat.mode & 0o022) !== 0 && !sticky) {
    throw new Error(`can't listen on ${path}: others may write to ${directory}`);
  }
}

/** @throws Error if something is at `path` that is not a dead socket */
async function checkPlace(path: string): Promise<void> {
  const there = lookAt(path);
  if (there === undefined) return;
  if (!there.isSocket()) throw new Error(`can't listen on ${path}: there is something that is no socket`);
  const code = await new Promise<string | undefined>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
  });
  if (code === undefined) throw new Error(`can't listen on ${path}: another daemon answers there`);
  if (code !== 'ECONNREFUSED' && code !== 'ENOENT') {
    throw new Error(`can't listen on ${path}: connecting to what is there failed with ${code}`);
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({path}, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
