import {ERRNO} from '../sys/errno-codes.js';
import {createMemfd} from '../sys/memfd.js';
import {sendPacket, seqpacketPair} from '../sys/socket.js';
import {encodeArguments} from './arguments.js';
import * as commands from './commands.js';
import {fileAnswer} from './file.js';
import {hello} from './hello.js';
import {ARGV_FILE, CONTROL_FILE, FUSEDEV_FILE, LISTEN_FILE, PROTOCOL_VERSION, QUEUES_FILE} from './magic.js';
import {ServerConversation} from './server-conversation.js';

const PLACE = '/rehearsal';
/** TYPE, NAME, MNTP, OPTS and DOIT. */
const COMMANDS = 5;

/**
 * Goes through a server's end of a conversation, for nothing, so that its code has run: what the helper would say lies in the socket before the first
 * question. No file but a few bytes of memory is held, and all is closed at the end.
 * @returns the arguments that came along, as of a mount
 * @throws Errno, ProtocolError
 */
export function rehearseServerEnd(): string[] {
  const [helper, own] = seqpacketPair();
  using theirs = helper;
  using file = createMemfd('fuseward-rehearsal', encodeArguments(['ext4', PLACE, PLACE, '-o', 'ro']), {
    seal: true,
  });
  const say = (packet: Uint8Array, fds: readonly number[] = []): void => sendPacket(theirs.fd, packet, fds);
  const give = (path: string): void => say(fileAnswer.encode({error: 0, path}), [file.fd]);
  say(
    hello.encode({
      minVersion: PROTOCOL_VERSION,
      maxVersion: PROTOCOL_VERSION,
      allowOther: true,
      fuseblk: true,
    }),
  );
  for (const path of [ARGV_FILE, FUSEDEV_FILE, CONTROL_FILE, LISTEN_FILE]) give(path);
  say(fileAnswer.encode({error: ERRNO.EOPNOTSUPP, path: QUEUES_FILE}));
  give(PLACE);
  for (let count = 0; count < COMMANDS; count++) say(commands.reply.encode({error: 0}));

  const conversation = ServerConversation.accept(own.release());
  try {
    conversation.hello();
    const args = conversation.receiveArguments();
    conversation.receiveFuseDevice().close();
    conversation.probeExtension()?.close();
    conversation.openListener()?.close();
    conversation.openQueues()?.close();
    conversation.openFile(PLACE, {flags: 0, tryLoop: true}).close();
    conversation.fsopen(false);
    conversation.source(PLACE);
    conversation.mountPoint(PLACE, 'directory');
    conversation.options('default_permissions');
    conversation.mount(0);
    conversation.goodbye(0);
    return args;
  } finally {
    conversation.close();
  }
}
