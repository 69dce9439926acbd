import {MountError, unmount} from '../../helper/index.js';
import {readRecord, sweepRecords} from '../../launch/mount-record.js';
import {findMount} from '../../launch/mount-status.js';
import {type Command, complain, EXIT} from '../command.js';
import {umountDefinition} from './options.js';

/** The server that the mount command noted, to be waited for. */
function serverOf(target: string): number | undefined {
  try {
    const {minor, id} = findMount(target);
    return readRecord(minor, id)?.serverPid;
  } catch {
    return undefined;
  }
}

export const umountCommand: Command = {
  definition: umountDefinition,
  async run([target], values) {
    const serverPid = serverOf(target!);
    try {
      const result = await unmount(target!, {
        lazy: values['lazy'] === true,
        force: values['force'] === true,
        ...(serverPid === undefined ? {} : {serverPid}),
      });
      sweepRecords();
      if (values['lazy'] === true) return EXIT.done;
      if (!result.serverGone)
        complain(`${result.target} is unmounted, but its server (process ${serverPid}) is still there`);
      if (!result.loopReleased)
        complain(`${result.target} is unmounted, but a loop device still holds ${result.source}`);
      return result.serverGone && result.loopReleased ? EXIT.done : EXIT.failed;
    } catch (error) {
      if (!(error instanceof MountError)) throw error;
      complain(error.message);
      return EXIT.failed;
    }
  },
};
