import {createServer as createHttp, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import {createServer as createHttps} from 'node:https';
import {type AddressInfo, BlockList, isIP} from 'node:net';
import {answerBrokenRequest} from './broken-request.js';
import {LIMITS} from './limits.js';
import type {Guard} from './permission.js';
import {AdminError} from './problem.js';
import type {Admin} from './routes/plugin.js';
import {readSecretFile, readToken, type TokenCheck} from './token-file.js';

export interface TcpOptions {
  /** An address, or a name of this machine. */
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly tokenFile: string;
  /** Files in PEM. */
  readonly tls?: {readonly cert: string; readonly key: string};
  /** Another address than loopback although nothing is encrypted. */
  readonly insecure?: boolean;
  /** Names besides `host` and `localhost` that a Host header may have. */
  readonly names?: readonly string[];
}

/** A certificate with a long chain has some ten kilobytes. */
const MOST_PEM_BYTES = 256 * 1024;

/** `host` and an optional port of a Host header: a bracketed IPv6 address, or anything without a colon. */
const HOST_HEADER = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]/@\s]+)(?::\d{1,5})?$/;
const BEARER = /^Bearer +([^\s]{1,2048}) *$/i;

/**
 * Listens on TCP and hands requests to `admin`, each with a guard that wants a token.
 *
 * @returns the server, for closing, and its address as a URL
 * @throws Error, a sentence, when it would be open to the network without encryption, or a file isn't as it has to be
 */
export async function listenOnTcp(admin: Admin, opts: TcpOptions): Promise<{server: Server; url: string}> {
  if (!isLoopback(opts.host) && opts.tls === undefined && opts.insecure !== true) {
    throw new Error(
      `can't listen on ${opts.host}: everybody on the network could read the token; give a certificate, or say that it may be insecure`,
    );
  }
  const guard = tcpGuard(opts, readToken(opts.tokenFile));
  const server = createServer(opts, (request, response) => {
    admin.guards.set(request, guard);
    admin.routing(request, response);
  });
  server.setTimeout(LIMITS.silenceMs);
  server.maxConnections = LIMITS.connections;
  server.on('clientError', answerBrokenRequest);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({host: opts.host, port: opts.port, exclusive: true}, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const {address, port} = server.address() as AddressInfo;
  const shown = isIP(address) === 6 ? `[${address}]` : address;
  return {server, url: `${opts.tls === undefined ? 'http' : 'https'}://${shown}:${port}`};
}

function createServer(
  opts: TcpOptions,
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const limits = {
    maxHeaderSize: LIMITS.headerBytes,
    headersTimeout: LIMITS.headersTimeoutMs,
    requestTimeout: LIMITS.requestTimeoutMs,
    keepAliveTimeout: LIMITS.keepAliveMs,
    connectionsCheckingInterval: LIMITS.checkIntervalMs,
  };
  if (opts.tls === undefined) return createHttp(limits, listener);
  const cert = readSecretFile(opts.tls.cert, MOST_PEM_BYTES);
  const key = readSecretFile(opts.tls.key, MOST_PEM_BYTES);
  return createHttps({...limits, cert, key, minVersion: 'TLSv1.2', handshakeTimeout: 10_000}, listener);
}

/** Demands the token, and a Host header that a page on another site can't bring about (DNS rebinding). */
function tcpGuard(opts: TcpOptions, isToken: TokenCheck): Guard {
  const names = new Set([opts.host, 'localhost', ...(opts.names ?? [])].map((name) => name.toLowerCase()));
  return {
    checkHost({headers: {host}}) {
      const name = HOST_HEADER.exec(host ?? '')?.[1]?.toLowerCase();
      // A rebound name is a name: an address can't be one.
      if (name !== undefined && (names.has(name) || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0)) return;
      throw new AdminError(421, 'host-not-ours', 'the Host header names another server', 'ask by address');
    },
    checkToken({headers: {authorization}}) {
      if (authorization === undefined) {
        throw new AdminError(
          401,
          'token-missing',
          'a bearer token is needed',
          'send "Authorization: Bearer TOKEN"',
        );
      }
      const token = BEARER.exec(authorization)?.[1];
      if (token === undefined || !isToken(token))
        throw new AdminError(401, 'token-wrong', 'this is not the token');
    },
  };
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Names other than localhost are taken for addresses of the network: what they mean can change. */
function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === 'localhost';
  return LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4');
}
