import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {connect, createServer} from 'node:net';
import {join} from 'node:path';
import {run} from '../mounts.js';

/** A server on a loopback port, for as long as a test needs it. */
export interface Peer {
  readonly port: number;
  close(): Promise<void>;
}

const PATIENCE_MS = 10_000;

/** A TCP port of 127.0.0.1 that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as {port: number};
  server.close();
  await once(server, 'close');
  return port;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function started(child: ChildProcess, port: number): Promise<Peer> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > end) throw new Error(`${child.spawnfile} does not listen`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    port,
    close: async () => {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** An sshd that lets root in with the key in `directory/key`, and is in `directory/known_hosts`. */
export async function sftpPeer(directory: string): Promise<Peer> {
  const port = await freePort();
  for (const name of ['key', 'host'])
    run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, name)]);
  const [kind, host] = readFileSync(join(directory, 'host.pub'), 'utf8').split(' ');
  writeFileSync(join(directory, 'known_hosts'), `[127.0.0.1]:${port} ${kind} ${host}\n`);
  const config = join(directory, 'sshd_config');
  writeFileSync(
    config,
    [
      'ListenAddress 127.0.0.1',
      `Port ${port}`,
      `HostKey ${join(directory, 'host')}`,
      `AuthorizedKeysFile ${join(directory, 'key.pub')}`,
      'StrictModes no',
      'PermitRootLogin prohibit-password',
      'UsePAM no',
      'PidFile none',
      'Subsystem sftp internal-sftp',
      '',
    ].join('\n'),
  );
  // Where sshd goes before anybody has proved who he is.
  mkdirSync('/run/sshd', {recursive: true, mode: 0o755});
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', config], {stdio: 'ignore'});
  return started(child, port);
}

/** A WebDAV server of a directory. */
export async function webPeer(tree: string, home: string): Promise<Peer> {
  const port = await freePort();
  const child = spawn('rclone', ['serve', 'webdav', '--read-only', '--addr', `127.0.0.1:${port}`, tree], {
    stdio: 'ignore',
    env: {PATH: '/usr/bin:/bin', HOME: home},
  });
  return started(child, port);
}
