import {createServer, type Server, type Socket} from 'node:net';
import {type Answerer, ControlConnection} from './control-connection.js';

/** Managers that may be connected at once; one more is turned away. */
const MOST_CONNECTIONS = 4;

/**
 * Takes managers' connections on the listening socket that the mount helper gave. All system calls that a new listener needs are
 * made by `open`, before the lock-down; from then on it takes accept4, read and write.
 */
export class ControlListener {
  readonly #server: Server;
  #start: {hello: () => object; answer: Answerer} | undefined;

  /** The listening socket. */
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
    this.#server = createServer({allowHalfOpen: true}, (socket) => this.#accept(socket));
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.on('error', () => {});
    // A server ends with its mount, whoever is connected.
    this.#server.unref();
  }

  /** @param fd a listening unix stream socket; the listener owns it from now on */
  static async open(fd: number): Promise<ControlListener> {
    const listener = new ControlListener(fd);
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject);
      listener.#server.listen({fd}, () => {
        listener.#server.off('error', reject);
        resolve();
      });
    });
    return listener;
  }

  /** From now on connections are answered; earlier ones were closed. */
  serve(hello: () => object, answer: Answerer): void {
    this.#start = {hello, answer};
  }

  /** Takes no more connections. Those that are there go on. */
  close(): void {
    this.#server.close();
  }

  #accept(socket: Socket): void {
    socket.unref();
    // Closed as a whole: a half of its own would take shutdown(2).
    socket.on('end', () => socket.destroy());
    if (this.#start === undefined) socket.destroy();
    else new ControlConnection(socket, this.#start.hello(), this.#start.answer);
  }
}
