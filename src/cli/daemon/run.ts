import {createAdmin, type ListenOptions, listenAdmin} from '../../admin/index.js';
import {ManagerRunsError} from '../../manager/announcement-server.js';
import {MountManager} from '../../manager/manager.js';
import {complain, EXIT, type OptionValues, UsageError} from '../command.js';
import {VERSION} from '../version.js';
import {daemonLog} from './log.js';

const LEVELS = ['debug', 'info', 'warn', 'error'];

/** What comes on the command line, checked. @throws UsageError */
function settings(values: OptionValues): {
  listen: ListenOptions;
  level: string;
  runDirectory: string | undefined;
  policyDirectory: string | undefined;
} {
  const text = (name: string): string | undefined => values[name] as string | undefined;
  const runDirectory = text('run-dir');
  const socketPath = text('admin-socket') ?? (runDirectory && `${runDirectory}/admin.sock`);
  const socketGroup = text('admin-group');
  const level = text('log-level') ?? 'info';
  if (!LEVELS.includes(level)) throw new UsageError(`--log-level must be one of ${LEVELS.join(', ')}`);
  return {
    listen: {
      ...(socketPath === undefined ? {} : {socketPath}),
      ...(socketGroup === undefined ? {} : {socketGroup}),
      ...tcpOf(values),
    },
    level,
    runDirectory,
    policyDirectory: text('policy'),
  };
}

/** @throws UsageError */
function tcpOf(values: OptionValues): Pick<ListenOptions, 'tcp'> {
  const {listen, 'token-file': tokenFile, 'tls-cert': cert, 'tls-key': key} = values;
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError('--tls-cert and --tls-key belong together');
  }
  if (listen === undefined) {
    const lone = ['token-file', 'tls-cert', 'insecure'].find((name) => values[name] !== undefined);
    if (lone === undefined) return {};
    throw new UsageError(`--${lone} is for --listen`);
  }
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(String(listen));
  const port = Number(parts?.[3]);
  if (parts === null || port > 65_535) {
    throw new UsageError(`--listen needs HOST:PORT, as 127.0.0.1:8080 or [::1]:8080, not "${listen}"`);
  }
  if (tokenFile === undefined) throw new UsageError('--listen needs --token-file');
  return {
    tcp: {
      host: (parts[1] ?? parts[2])!,
      port,
      tokenFile: String(tokenFile),
      ...(cert === undefined ? {} : {tls: {cert: String(cert), key: String(key)}}),
      insecure: values['insecure'] === true,
    },
  };
}

/** Resolves with the signal that ends the daemon. */
function endSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}

/** Runs the manager and its admin API until a signal ends them. @returns the exit code @throws UsageError */
export async function runDaemon(values: OptionValues): Promise<number> {
  const {listen, level, runDirectory, policyDirectory} = settings(values);
  if (process.getuid?.() !== 0) {
    complain("can't start the daemon: only root may watch over mounts");
    return EXIT.failed;
  }
  const log = daemonLog(level);
  // Before anything is there to be undone, so that a signal during the start is not lost.
  const ended = endSignal();
  let manager: MountManager;
  try {
    manager = await MountManager.create(
      {
        version: VERSION,
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
    const {addresses} = await listenAdmin(admin, listen, process.env);
    log.info({addresses}, 'listening');
  } catch (error) {
    manager.close();
    complain(`can't start the daemon: ${(error as Error).message}`);
    return EXIT.failed;
  }
  process.on('SIGHUP', () => manager.reload());
  const signal = await ended;
  log.info({signal}, 'ending; mounts go on');
  // The API first: its answers come from the manager.
  await admin.close();
  manager.close();
  return EXIT.done;
}
