import type {MountEntry} from '../sys/mount-info.js';
import type {CommandRunner} from './command-runner.js';
import {ManagerError, type UnmountOrder} from './face.js';
import type {MountOrder} from './model.js';
import type {ServerMeetings, ServerNews} from './server-meetings.js';

/** As what a source of an unnamed type is served at first. */
export const UNNAMED = 'auto';

/** The mount command keeps its own deadline, which policy may raise; one that is still there after this hangs. */
const MOUNT_MS = 120_000;
/** Longer than an unmount waits for server and loop device. */
const UNMOUNT_MS = 30_000;

/** @throws ManagerError `bad-path`, `bad-option` */
function checkOrder({source, target, options = []}: MountOrder): void {
  for (const path of [source, target]) {
    const name = JSON.stringify(path);
    if (path.includes('\0'))
      throw new ManagerError('invalid', 'bad-path', `can't mount: ${name} holds a NUL`, {errno: 'EINVAL'});
    if (path.startsWith('/')) continue;
    throw new ManagerError('invalid', 'bad-path', `can't mount: ${name} is not an absolute path`, {
      errno: 'EINVAL',
      hint: 'the manager has another working directory than you',
    });
  }
  if (!options.some((option) => option.includes('\0'))) return;
  throw new ManagerError('invalid', 'bad-option', `can't mount ${source}: an option holds a NUL`, {
    errno: 'EINVAL',
  });
}

/**
 * Mounts through the mount command, by the policy that the manager holds.
 * @param policyWords options that tell which policy that is
 * @param meetings has the server met while the command is still at work; what came of it is dropped where the mount fails
 * @returns the number of the new connection, and what was told of its server
 * @throws ManagerError
 */
export async function mountByCommand(
  commands: CommandRunner,
  order: MountOrder,
  {policyWords, meetings}: {policyWords: readonly string[]; meetings: Pick<ServerMeetings, 'hear' | 'drop'>},
): Promise<{id: string; server: ServerNews}> {
  checkOrder(order);
  const {source, target, type, options = []} = order;
  const words = [
    ...(type === undefined ? [] : [`--type=${type}`]),
    ...options.map((option) => `--options=${option}`),
    ...policyWords,
  ];
  // What the command has to say comes back here; announced as well, a denial would be told twice.
  let server: ServerNews = {};
  const onServer = (news: ServerNews): void => {
    // A mount that is tried as another type has another server.
    if (news.pid !== server.pid || server.controlSocket !== undefined) meetings.drop(server);
    server = news;
    meetings.hear(news);
  };
  try {
    const made = await commands.run(
      ['mount', '--json', '--no-announce', '--for-manager', ...words, '--', source, target],
      MOUNT_MS,
      {type: type ?? UNNAMED, onServer},
    );
    if (made === undefined) {
      const reason = 'the mount command ended without a word';
      throw new ManagerError('server-failed', 'command-silent', `can't mount ${source}: ${reason}`, {
        hint: 'the log of the daemon and of the kernel may tell what ended it',
      });
    }
    const {connectionId} = made as {connectionId: number};
    return {id: String(connectionId), server};
  } catch (error) {
    meetings.drop(server);
    throw error;
  }
}

/** Unmounts through the umount command: the mount with this id, and no other at its path. @throws ManagerError */
export async function unmountByCommand(
  commands: CommandRunner,
  {id, target}: MountEntry,
  {force, lazy}: UnmountOrder,
): Promise<void> {
  const how = [...(force ? ['--force'] : []), ...(lazy ? ['--lazy'] : [])];
  await commands.run(
    ['umount', `--mount-id=${id}`, '--json', '--no-announce', ...how, '--', target],
    UNMOUNT_MS,
  );
}
