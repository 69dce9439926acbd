import {createAdmin, listenAdmin} from '../../admin/index.js';
import {ManagerRunsError} from '../../manager/announcement-server.js';
import {MountManager} from '../../manager/manager.js';
import {keepInheritedFds} from '../../sys/inherited.js';
import {complain, EXIT} from '../command.js';
import {VERSION} from '../version.js';
import {daemonLog} from './log.js';
import {Service} from './service.js';
import type {DaemonSettings} from './settings.js';

/** Resolves with the signal that ends the daemon. */
function endSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}

/** Has SIGHUP do something, once it is known what; one that came before is done then. A signal that nobody handles would end the process. */
function onHangUp(): {does(act: () => void): void} {
  let act: (() => void) | undefined;
  let came = false;
  process.on('SIGHUP', () => {
    came = true;
    act?.();
  });
  return {
    does(what) {
      act = what;
      if (came) what();
    },
  };
}

/** Runs the manager and its admin API until a signal ends them. @returns the exit code */
export async function runDaemon(settings: DaemonSettings): Promise<number> {
  const {listen, level, runDirectory, policyDirectory} = settings;
  if (process.getuid?.() !== 0) {
    complain("can't start the daemon: only root may watch over mounts");
    return EXIT.failed;
  }
  keepInheritedFds();
  const log = daemonLog(level);
  // Before anything is there to be undone, so that a signal during the start is not lost.
  const ended = endSignal();
  const hangUp = onHangUp();
  let service: Service;
  try {
    service = new Service(process.env);
  } catch (error) {
    complain(`can't start the daemon: ${(error as Error).message}`);
    return EXIT.failed;
  }
  let manager: MountManager;
  try {
    manager = await MountManager.create(
      {
        version: VERSION,
        keeper: service.keeper,
        ...(service.sockets.mount === undefined ? {} : {userListener: service.sockets.mount}),
        ...(runDirectory === undefined ? {} : {runDirectory}),
        ...(policyDirectory === undefined ? {} : {policyDirectory}),
      },
      {log},
    );
  } catch (error) {
    if (!(error instanceof ManagerRunsError)) throw error;
    complain(`can't start the daemon: ${error.message}`);
    return EXIT.failed;
  }
  const admin = createAdmin(manager, {log, version: VERSION});
  try {
    const {addresses} = await listenAdmin(admin, {
      ...listen,
      passed: service.sockets.admin !== undefined,
    });
    log.info({addresses}, 'listening');
  } catch (error) {
    await manager.close();
    complain(`can't start the daemon: ${(error as Error).message}`);
    return EXIT.failed;
  }
  service.ready(manager, () => log.error({}, 'the manager does not work: no sign of life is given'));
  hangUp.does(() => void service.reload(manager, () => manager.reload()));
  const signal = await ended;
  service.stopping();
  log.info({signal}, 'ending; mounts go on');
  // The API first: its answers come from the manager.
  await admin.close();
  await manager.close();
  return EXIT.done;
}
