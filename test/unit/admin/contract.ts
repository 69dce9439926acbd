import type {InjectOptions} from 'fastify';
import {pino} from 'pino';
import {createAdmin} from '../../../src/admin/index.js';
import type {FakeManager} from './fake-manager.js';
import {type Answer, answerOf, checkAgainst, type OpenApi} from './published.js';

/** Collects what is logged, one object a line. */
export function collectingLog(level = 'debug') {
  const lines: Array<Record<string, unknown>> = [];
  const log = pino({level}, {write: (line: string) => void lines.push(JSON.parse(line))});
  return {log, lines};
}

/** The API on a fake manager, and a function that asks it and checks each answer against the published document. */
export async function contract(manager: FakeManager) {
  const {log, lines} = collectingLog();
  const admin = createAdmin(manager, {log, version: '1.2.3', heartbeatMs: 50});
  const document = JSON.parse((await admin.inject('/openapi.json')).body) as OpenApi;
  const check = checkAgainst(document);

  async function ask(method: string, url: string, more: InjectOptions = {}): Promise<Answer> {
    const response = await admin.inject({...more, method: method as 'GET', url});
    const answer = answerOf(response.statusCode, response.headers, response.body);
    check(method, url, answer);
    return answer;
  }

  return {admin, ask, document, lines};
}
