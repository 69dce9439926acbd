import {realpathSync} from 'node:fs';
import {basename, dirname, join, resolve} from 'node:path';
import type {CachesView, MountStats, MountView} from '../manager/model.js';
import {connectionOf, mountAtPath} from '../sys/mount-info.js';
import {AdminClient, UnreachableError} from './admin-client.js';
import {CommandError, complain, type OptionValues} from './command.js';
import {KernelView} from './kernel-view.js';
import {ADMIN_SOCKET, SOCKET_VARIABLE} from './socket-option.js';
import {printable} from './terminal/text.js';
import {UserView} from './user-view.js';

/** Who tells about mounts: the manager, or without one the kernel. */
export interface MountSource {
  /** Whether it is the manager. */
  readonly managed: boolean;
  mounts(): Promise<MountView[]>;
  stats(id: string): Promise<MountStats>;
  caches(id: string): Promise<CachesView>;
  close(): void;
}

function socketOf(values: OptionValues): string {
  return (values['socket'] as string | undefined) ?? (process.env[SOCKET_VARIABLE] || ADMIN_SOCKET);
}

class ManagerSource extends AdminClient implements MountSource {
  readonly managed = true;
}

/**
 * The manager; for users who may not ask it for everything the kernel and what the manager tells each of his own; or where nobody listens what
 * the kernel tells, which is said on standard error.
 */
export async function openSource(values: OptionValues): Promise<MountSource> {
  const client = new ManagerSource(socketOf(values));
  try {
    await client.reach();
    return client;
  } catch (error) {
    client.close();
    if (!(error instanceof UnreachableError)) throw error;
    const view = process.geteuid?.() === 0 ? undefined : UserView.open();
    if (view !== undefined) return view;
    const advice = error.advice === undefined ? '' : ` (${error.advice})`;
    complain(`${error.reason}, so this is only what the kernel tells${advice}`);
    return new KernelView();
  }
}

/** Runs an action with the manager. @throws CommandError in a sentence that says how to start one */
export async function withManager<T>(
  values: OptionValues,
  action: (client: AdminClient) => Promise<T>,
): Promise<T> {
  const client = new AdminClient(socketOf(values));
  try {
    return await action(client);
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    throw new CommandError(error.advice === undefined ? error.reason : `${error.reason}; ${error.advice}`);
  } finally {
    client.close();
  }
}

/** Runs an action with whoever tells about mounts. */
export async function withSource<T>(
  values: OptionValues,
  action: (source: MountSource) => Promise<T>,
): Promise<T> {
  const source = await openSource(values);
  try {
    return await action(source);
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    throw new CommandError(error.reason);
  } finally {
    source.close();
  }
}

/** Paths that may be meant by a target: as it is written, and without links. A mount whose server hangs is not touched. */
function* pathsOf(target: string): Generator<string> {
  yield resolve(target);
  try {
    yield join(realpathSync(dirname(target)), basename(target));
    yield realpathSync(target);
  } catch {
    // Looking at it fails when its server is dead; then what is written must do.
  }
}

/**
 * The mount that a target names: an id, or where it is mounted. Of several at one place it is the topmost.
 * @throws CommandError
 */
export function chooseMount(mounts: readonly MountView[], target: string): MountView {
  const byId = /^\d+$/.test(target) ? mounts.find(({id}) => id === target) : undefined;
  if (byId !== undefined) return byId;
  for (const path of pathsOf(target)) {
    // A daemon that has not been started again since an upgrade may not tell of all places.
    const here = mounts.filter(({target: first, places = [first]}) => places.includes(path));
    if (here.length === 0) continue;
    const top = here.length === 1 ? undefined : mountAtPath(path);
    const onTop = top && String(connectionOf(top));
    return here.find(({id}) => id === onTop) ?? here.at(-1)!;
  }
  throw new CommandError(
    `there is no mount of a FUSE server ${/^\d+$/.test(target) ? 'with the id' : 'on'} ${printable(target)}`,
  );
}
