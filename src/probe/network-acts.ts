import {type Act, call, oneCall, opening} from './act.js';

const AF_UNIX = 1;
const AF_INET = 2;
const AF_NETLINK = 16;
const SOCK_STREAM = 1;
const SOCK_RAW = 3;

function internetAddress(port: number): Uint8Array {
  return Uint8Array.of(AF_INET, 0, port >> 8, port & 0xff, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
}

function unixAddress(name: string): Uint8Array {
  return Uint8Array.of(AF_UNIX, 0, ...new TextEncoder().encode(name));
}

/** Networks and sockets. */
export const NETWORK_ACTS: readonly Act[] = [
  opening('make an internet socket', 'socket', () => [AF_INET, SOCK_STREAM, 0]),
  opening('make a unix socket', 'socket', () => [AF_UNIX, SOCK_STREAM, 0]),
  opening('make a raw packet socket', 'socket', () => [AF_INET, SOCK_RAW, 1]),
  opening('talk to the kernel over netlink', 'socket', () => [AF_NETLINK, SOCK_RAW, 0]),
  oneCall('connect to a service on 127.0.0.1', 'connect', ({task, tcpSocket}) => [
    tcpSocket,
    internetAddress(task.port),
    16,
  ]),
  oneCall('listen on an internet address', 'bind', ({tcpSocket}) => [tcpSocket, internetAddress(0), 16]),
  {
    name: "connect to a manager's socket",
    attempt({task, unixSocket}) {
      const address = unixAddress(`${task.socketPath}\0`);
      return call('connect', unixSocket, address, address.length);
    },
  },
  {
    name: 'connect to an abstract socket of the machine',
    attempt({task, unixSocket}) {
      const address = unixAddress(`\0${task.abstractName}`);
      return call('connect', unixSocket, address, address.length);
    },
  },
  {
    name: 'send a message to an address',
    attempt({task, unixSocket}) {
      const address = unixAddress(`\0${task.abstractName}`);
      return call('sendto', unixSocket, new Uint8Array(1), 1, 0, address, address.length);
    },
  },
];
