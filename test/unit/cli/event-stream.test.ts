import {describe, expect, test} from 'vitest';
import {type StreamEvent, serverSentEvents} from '../../../src/cli/event-stream.js';

async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function eventsOf(text: string, size = 7): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of serverSentEvents(inPieces(text, size))) events.push(event);
  return events;
}

const message = (data: string, id?: string, event = 'message'): StreamEvent => ({id, event, data});

describe('server-sent events', () => {
  const rows: Array<[what: string, text: string, events: StreamEvent[]]> = [
    ['one', 'id: a.1\nevent: mounted\ndata: {}\n\n', [message('{}', 'a.1', 'mounted')]],
    ['two', 'data: 1\n\ndata: 2\n\n', [message('1'), message('2')]],
    ['comments are nothing', ': fuseward events\nretry: 2000\n\n: heartbeat\n\ndata: 1\n\n', [message('1')]],
    ['data of several lines', 'data: 1\ndata\ndata: 3\n\n', [message('1\n\n3')]],
    ['one space belongs to the field', 'data:  a\n\ndata:b\n\n', [message(' a'), message('b')]],
    ['colons in data', 'data: {"a": "b:c"}\n\n', [message('{"a": "b:c"}')]],
    [
      'lines that end with CR LF',
      'id: 1\r\ndata: a\r\n\r\ndata: b\r\n\r\n',
      [message('a', '1'), message('b')],
    ],
    ['lines that end with CR', 'data: a\r\rdata: b\r\r\n', [message('a'), message('b')]],
    ['an unfinished one at the end is dropped', 'data: a\n\ndata: b\n', [message('a')]],
    ['characters of several bytes', 'data: 日本😀\n\n', [message('日本😀')]],
  ];
  for (const [what, text, events] of rows) {
    for (const size of [1, 2, 7, 1000]) {
      test(`${what}, in pieces of ${size}`, async () => expect(await eventsOf(text, size)).toEqual(events));
    }
  }

  test('one that never ends is an error, in one line or in many', async () => {
    await expect(eventsOf(`data: ${'x'.repeat(3 * 2 ** 20)}`, 65_536)).rejects.toThrow(
      'longer than a megabyte',
    );
    await expect(eventsOf('data: x\n'.repeat(2 ** 19), 65_536)).rejects.toThrow('longer than a megabyte');
  });
});
