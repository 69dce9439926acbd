import type {ListenOptions} from '../../admin/index.js';
import {type OptionValues, UsageError} from '../command.js';

const LEVELS = ['debug', 'info', 'warn', 'error'];

/** What the daemon is to do. */
export interface DaemonSettings {
  readonly listen: ListenOptions;
  readonly level: string;
  readonly runDirectory: string | undefined;
  readonly policyDirectory: string | undefined;
}

/** Makes settings of the command line. @throws UsageError */
export function daemonSettings(values: OptionValues): DaemonSettings {
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
