import {createMemfd} from '../sys/memfd.js';
import {sendPacket, seqpacketPair} from '../sys/socket.js';
import {encodeArguments} from './arguments.js';
import * as commands from './commands.js';
import {Deadline} from './deadline.js';
import {openFile, openFileExtended} from './file.js';
import {helloReply} from './hello.js';
import {type HelperActions, HelperConversation, type Outcome} from './helper-conversation.js';
import {silent} from './log.js';
import {CONTROL_FILE, LISTEN_FILE, PROTOCOL_VERSION} from './magic.js';

const PLACE = '/rehearsal';
const DEADLINE_MS = 1_000;
const OPEN = {openFlags: 0, createMode: 0, quiet: true, tryLoop: false, blockSize: 0};

/**
 * Goes through the helper's end of a conversation, for nothing, so that its code has run: what a server would say lies in the socket before the
 * hello. What it asks for is given bytes of memory, and no mount is made.
 * @returns how it ended
 * @throws ProtocolError
 */
export async function rehearseHelperEnd(): Promise<Outcome> {
  const [own, server] = seqpacketPair();
  using ours = own;
  using theirs = server;
  using argv = createMemfd('fuseward-rehearsal', encodeArguments(['ext4', PLACE, PLACE]), {seal: true});
  for (const packet of [
    helloReply.encode({version: PROTOCOL_VERSION}),
    openFile.encode({...OPEN, path: CONTROL_FILE}),
    openFileExtended.encode({...OPEN, path: LISTEN_FILE}),
    openFileExtended.encode({...OPEN, tryLoop: true, path: PLACE}),
    commands.fsopen.encode({fuseblk: false}),
    commands.source.encode({value: PLACE}),
    commands.mountPoint.encode({path: PLACE, expected: 'directory'}),
    commands.mountOptions.encode({value: 'default_permissions'}),
    commands.mountNow.encode({flags: 0}),
    commands.goodbye.encode({exitCode: 0}),
  ]) {
    sendPacket(theirs.fd, packet);
  }
  const give = () => argv.dup();
  const actions: HelperActions = {
    ...{openFile: give, openBlockDevice: give, openControl: give},
    ...{openListener: give, openQueues: give, openGiven: give},
    ...{setIomap: nothing, setType: nothing, setSource: nothing, setMountPoint: nothing},
    ...{setOptions: nothing, setMtab: nothing, mount: nothing},
  };
  const deadline = new Deadline(DEADLINE_MS);
  const conversation = new HelperConversation({socket: ours, deadline}, {actions, log: silent});
  await conversation.greet({allowOther: true, fuseblk: true, argv, fuseDevice: argv});
  return await conversation.run();
}

function nothing(): void {}
