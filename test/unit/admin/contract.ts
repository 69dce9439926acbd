import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type {InjectOptions} from 'fastify';
import {pino} from 'pino';
import {expect} from 'vitest';
import {createAdmin} from '../../../src/admin/index.js';
import type {FakeManager} from './fake-manager.js';

/** Collects what is logged, one object a line. */
export function collectingLog(level = 'debug') {
  const lines: Array<Record<string, unknown>> = [];
  const log = pino({level}, {write: (line: string) => void lines.push(JSON.parse(line))});
  return {log, lines};
}

interface OpenApi {
  openapi: string;
  paths: Record<
    string,
    Record<string, {responses: Record<string, {content?: Record<string, {schema: object}>}>}>
  >;
  components: {schemas: Record<string, object>};
}

/** What a checked request gave. */
export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  body: any;
}

/**
 * The API on a fake manager, and a function that asks it and fails the test if the answer is not what the published document says of
 * this route and status: the media type, and every field of the body.
 */
export async function contract(manager: FakeManager) {
  const {log, lines} = collectingLog();
  const admin = createAdmin(manager, {log, version: '1.2.3', heartbeatMs: 50});
  const document = JSON.parse((await admin.inject('/openapi.json')).body) as OpenApi;
  const ajv = new Ajv2020.Ajv2020({strict: false, allErrors: true});
  addFormats.default(ajv);
  ajv.addSchema(document, 'api');

  async function ask(method: string, url: string, more: InjectOptions = {}): Promise<Answer> {
    const response = await admin.inject({...more, method: method as 'GET', url});
    const answer: Answer = {
      status: response.statusCode,
      headers: response.headers,
      text: response.body,
      body: isJson(response.headers['content-type']) ? JSON.parse(response.body) : undefined,
    };
    const path = url.split('?')[0] as string;
    const route = Object.keys(document.paths).find((pattern) => matches(pattern, path));
    const operation = route === undefined ? undefined : document.paths[route]?.[method.toLowerCase()];
    if (operation !== undefined) checkAnswer(route as string, method.toLowerCase(), answer);
    return answer;
  }

  function checkAnswer(route: string, method: string, answer: Answer): void {
    const told = document.paths[route]?.[method]?.responses[answer.status];
    expect(told, `${method} ${route} answers ${answer.status}, which the document lacks`).toBeDefined();
    if (answer.status === 204) {
      expect(answer.text).toBe('');
      return;
    }
    const media = String(answer.headers['content-type']).split(';')[0] as string;
    expect(Object.keys(told?.content ?? {})).toContain(media);
    if (answer.body === undefined) return;
    const pointer = ['paths', route, method, 'responses', answer.status, 'content', media, 'schema'];
    const escaped = pointer.map((part) =>
      encodeURIComponent(String(part).replace(/~/g, '~0').replace(/\//g, '~1')),
    );
    const valid = ajv.validate({$ref: `api#/${escaped.join('/')}`}, answer.body);
    expect(ajv.errors, `${method} ${route} ${answer.status}: ${answer.text}`).toBeNull();
    expect(valid).toBe(true);
  }

  return {admin, ask, document, ajv, lines};
}

function isJson(type: unknown): boolean {
  return /^application\/(problem\+)?json/.test(String(type));
}

/** Whether `/v1/mounts/{id}` is the template of `path`. */
function matches(pattern: string, path: string): boolean {
  return new RegExp(`^${pattern.replace(/\{[a-z]+\}/g, '[^/]+')}$`).test(path);
}
