import type {HeldServer} from '../../launch/held-server.js';
import {startReadyServer} from '../../launch/ready-server.js';
import {encodeReady, LONGEST_ORDER, ORDER_FD, readOrder} from '../../manager/pool-protocol.js';
import {loadPolicy} from '../../policy/index.js';
import {OwnedFd} from '../../sys/fd.js';
import {keepInheritedFds} from '../../sys/inherited.js';
import {isUnixSocket, receivePacket, sendPacket, shutdownReading} from '../../sys/socket.js';
import {watchReadable} from '../../sys/watch.js';
import {type Command, complain, EXIT, parseCommand} from '../command.js';
import {runMount} from '../mount/handler.js';
import {mountDefinition} from '../mount/options.js';
import {policyFiles} from '../mount/policy-place.js';
import {runUserMount} from '../user-mount/handler.js';
import {userMountDefinition} from '../user-mount/options.js';
import {waitForOrderDefinition} from './options.js';
import {warmUp} from './warm-up.js';

/** What the manager wants done: a command's words, and what it would have been started with as descriptor 3. */
interface Order {
  readonly words: readonly string[];
  readonly connection: OwnedFd | undefined;
}

/**
 * An order that comes while the server ends is still carried out, with another server: its manager has seen it go out.
 * @returns undefined when the manager is gone, or the server is
 */
function nextOrder(channel: OwnedFd, server: HeldServer): Promise<Order | undefined> {
  return new Promise((resolve) => {
    const settle = (order: Order | undefined): void => {
      fromManager.close();
      ofServer.close();
      resolve(order);
    };
    const fromManager = watchReadable(channel.fd, () => settle(receiveOrder(channel)));
    const ofServer = watchReadable(server.fd, () => {
      shutdownReading(channel.fd);
      settle(receiveOrder(channel));
    });
  });
}

function receiveOrder(channel: OwnedFd): Order | undefined {
  const buffer = new Uint8Array(LONGEST_ORDER);
  const {length, fds} = receivePacket(channel.fd, buffer, {maxFds: 1});
  return length === 0 ? undefined : {words: readOrder(buffer.subarray(0, length)), connection: fds[0]};
}

/** Does as a process would that was started with these words. */
async function obey({words: [name, ...args], connection}: Order, server: HeldServer): Promise<number> {
  // For who starts this command once more, apart.
  process.argv.splice(2, Infinity, name!, ...args);
  if (name === 'mount') {
    const {positionals, values} = parseCommand(mountDefinition, args);
    return await runMount(positionals, values, server);
  }
  if (name === 'user-mount' && connection !== undefined) {
    return await runUserMount(connection, parseCommand(userMountDefinition, args).values, server);
  }
  complain(`${name} is nothing that waits`);
  return EXIT.failed;
}

export const waitForOrderCommand: Command = {
  definition: waitForOrderDefinition,
  async run(_positionals, values) {
    if (process.geteuid?.() !== 0 || !isUnixSocket(ORDER_FD)) {
      complain('wait-for-order is for the manager to start');
      return EXIT.failed;
    }
    keepInheritedFds();
    const channel = new OwnedFd(ORDER_FD);
    const type = values['type'] as string;
    const policy = {
      policyDirectory: values['policy'] as string | undefined,
      heldPolicy: values['held-policy'] as string | undefined,
    };
    const loaded = loadPolicy(type, policyFiles(policy));
    const server = await startReadyServer(type, loaded.server);
    await warmUp({type, server, loaded, policy});
    sendPacket(channel.fd, encodeReady({serverPid: server.pid}));
    const order = await nextOrder(channel, server);
    channel.close();
    // A server that no mount took ends with its conversation, which is ours.
    return order === undefined ? EXIT.done : await obey(order, server);
  },
};
