import {mkdtempSync, rmSync} from 'node:fs';
import {type IncomingHttpHeaders, type RequestOptions, request} from 'node:http';
import type {request as requestTls, RequestOptions as TlsOptions} from 'node:https';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pino} from 'pino';
import {type Admin, createAdmin, type ListenOptions, listenAdmin} from '../../../src/admin/index.js';
import {FakeManager} from './fake-manager.js';

export const ROOT = process.geteuid?.() === 0;

/** A directory for sockets, and what listens in it; all gone after `close`. */
export class Ground {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'fuseward-admin-'));
  readonly path: string = join(this.directory, 'admin.sock');
  /** What was logged. */
  readonly lines: Array<Record<string, unknown>> = [];
  readonly #opened: Admin[] = [];

  /** The API on a fake manager, listening on `path` unless told otherwise. */
  async start(opts: ListenOptions = {}, manager: FakeManager = new FakeManager()) {
    const log = pino({level: 'info'}, {write: (line: string) => void this.lines.push(JSON.parse(line))});
    const admin = createAdmin(manager, {log, version: '1'});
    this.#opened.push(admin);
    const {addresses} = await listenAdmin(admin, {socketPath: this.path, ...opts});
    return {admin, addresses};
  }

  async close(): Promise<void> {
    for (const admin of this.#opened) await admin.close();
    rmSync(this.directory, {recursive: true});
  }
}

export interface Reply {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}

/** One request on a connection of its own; the answer has to be JSON. */
export function ask(
  options: RequestOptions | TlsOptions,
  send: typeof request | typeof requestTls = request,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = send({path: '/v1/status', agent: false, ...options}, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({status: response.statusCode, headers: response.headers, body: JSON.parse(text)}),
      );
    });
    asked.once('error', reject);
    asked.end();
  });
}

/** Sends bytes as they are; what comes back until the other end closes. */
export function raw(socketPath: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(socketPath, () => socket.write(text));
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk;
    });
    socket.on('close', () => resolve(got));
    socket.on('error', () => {});
  });
}
