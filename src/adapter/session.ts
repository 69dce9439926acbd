import {type Order, parseArguments} from '../server/mount-options.js';
import {type Hello, ServerConversation} from '../service/index.js';
import type {OwnedFd} from '../sys/fd.js';

/** What the conversation with the mount helper has brought. */
export interface Session {
  readonly conversation: ServerConversation;
  readonly hello: Hello;
  /** Our end of the control channel, where the helper is fuseward's own. */
  readonly control: OwnedFd | undefined;
  readonly fuseDevice: OwnedFd;
  readonly place: Order;
  /** Marks the source as mounted; the program gets it, and nothing is done with it. */
  readonly lock?: OwnedFd | undefined;
}

/** Greets the helper behind a connected socket. @throws ProtocolError, MountRefusal, Errno */
export function greet(fd: number): Session {
  const conversation = ServerConversation.accept(fd);
  const hello = conversation.hello();
  const place = parseArguments(conversation.receiveArguments());
  const fuseDevice = conversation.receiveFuseDevice();
  const control = conversation.probeExtension();
  return {conversation, hello, control, fuseDevice, place};
}
