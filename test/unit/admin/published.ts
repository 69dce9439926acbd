import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import {expect} from 'vitest';

/** What the API publishes at /openapi.json, as far as the check looks into it. */
export interface OpenApi {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, {responses: Record<string, {content?: object}>}>>;
  readonly components: {readonly schemas: Record<string, object>};
}

/** What a request gave. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** An answer with its body parsed where it is JSON. */
export function answerOf(status: number, headers: Record<string, unknown>, text: string): Answer {
  const isJson = /^application\/(problem\+)?json/.test(String(headers['content-type']));
  return {status, headers, text, body: isJson ? JSON.parse(text) : undefined};
}

/**
 * Fails the test if an answer is not what the published document says of this route and status: the media type, and every field of
 * the body. Paths that are no route of the document are not looked at.
 */
export type CheckAnswer = (method: string, url: string, answer: Answer) => void;

export function checkAgainst(document: OpenApi): CheckAnswer {
  const ajv = new Ajv2020.Ajv2020({strict: false, allErrors: true});
  addFormats.default(ajv);
  ajv.addSchema(document, 'api');
  return (method, url, answer) => {
    const path = url.split('?')[0] as string;
    const route = Object.keys(document.paths).find((pattern) => matches(pattern, path)) ?? '';
    const verb = method.toLowerCase();
    const operation = document.paths[route]?.[verb];
    if (operation === undefined) return;
    const what = `${method} ${route} ${answer.status}`;
    const told = operation.responses[answer.status];
    expect(told, `the document lacks ${what}: ${answer.text}`).toBeDefined();
    if (answer.status === 204) {
      expect(answer.text).toBe('');
      return;
    }
    const media = String(answer.headers['content-type']).split(';')[0] as string;
    expect(Object.keys(told?.content ?? {}), what).toContain(media);
    if (answer.body === undefined) return;
    const place = ['paths', route, verb, 'responses', String(answer.status), 'content', media, 'schema'];
    ajv.validate({$ref: `api#${place.map((part) => `/${escaped(part)}`).join('')}`}, answer.body);
    expect(ajv.errors, `${what}: ${answer.text}`).toBeNull();
  };
}

/** A part of a JSON pointer in a URI fragment (RFC 6901, section 6). */
function escaped(part: string): string {
  return encodeURIComponent(part.replace(/~/g, '~0').replace(/\//g, '~1'));
}

/** Whether `/v1/mounts/{id}` is the template of `path`. */
function matches(pattern: string, path: string): boolean {
  return new RegExp(`^${pattern.replace(/\{[a-z]+\}/g, '[^/]+')}$`).test(path);
}
