import type {CommandDefinition} from '../command.js';

export const daemonDefinition: CommandDefinition = {
  name: 'daemon',
  summary: 'watch over all mounts, and answer the other commands',
  usage: 'fuseward daemon [--admin-socket PATH] [--listen HOST:PORT --token-file FILE]',
  help: `Runs in the foreground until SIGTERM or SIGINT; mounts go on without it and are found again. SIGHUP reads the policy again.
The admin API listens on a unix socket, or on the one that systemd hands over; on TCP only if told, and there with a token.`,
  options: {
    'admin-socket': {
      type: 'string',
      value: 'PATH',
      completes: 'file',
      help: 'listen here instead of /run/fuseward/admin.sock',
    },
    'admin-group': {
      type: 'string',
      value: 'GROUP',
      help: 'who may use the socket besides root; "fuseward" if that group exists',
    },
    listen: {type: 'string', value: 'HOST:PORT', help: 'listen on TCP as well; needs --token-file'},
    'token-file': {
      type: 'string',
      value: 'FILE',
      completes: 'file',
      help: 'file with the token that TCP clients have to send',
    },
    'tls-cert': {type: 'string', value: 'FILE', completes: 'file', help: 'certificate of the TCP side, PEM'},
    'tls-key': {type: 'string', value: 'FILE', completes: 'file', help: 'its key, PEM'},
    insecure: {
      type: 'boolean',
      help: 'listen on another address than loopback without TLS: everybody on the way can read the token',
    },
    policy: {
      type: 'string',
      value: 'DIR',
      completes: 'directory',
      help: 'policy directory instead of /etc/fuseward/policy.d',
    },
    'run-dir': {
      type: 'string',
      value: 'DIR',
      completes: 'directory',
      help: 'for tests: directory of the sockets instead of /run/fuseward',
    },
    'log-level': {
      type: 'string',
      value: 'LEVEL',
      completes: ['debug', 'info', 'warn', 'error'],
      help: 'debug, info (unless told), warn or error',
    },
  },
  positionals: {least: 0, most: 0},
};
