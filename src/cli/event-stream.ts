/** One event of a stream (HTML standard, "Server-sent events"). */
export interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** An event longer than this ends the stream: something is wrong at the other end. */
const LONGEST_EVENT = 2 ** 20;

/** The fields of one block of lines; undefined when it has no data, such as the comments that keep a connection alive. */
function parseEvent(lines: readonly string[]): StreamEvent | undefined {
  let id: string | undefined;
  let event = 'message';
  const data: string[] = [];
  for (const line of lines) {
    const [, field, value = ''] = /^([^:]*):? ?(.*)$/s.exec(line)!;
    if (field === 'id') id = value;
    else if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : {id, event, data: data.join('\n')};
}

/**
 * The events of a text/event-stream body; an unfinished one at the end is dropped, as the standard says.
 * @throws Error for an event of more than a megabyte
 */
export async function* serverSentEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let lines: string[] = [];
  let length = 0;
  for await (const part of body) {
    rest += decoder.decode(part, {stream: true});
    // A carriage return at the end may be half of an end of line.
    const complete = rest.split(/\r\n|\n|\r(?!$)/);
    rest = complete.pop()!;
    for (const line of complete) {
      length += line.length;
      if (line !== '') {
        lines.push(line);
        continue;
      }
      const event = parseEvent(lines);
      lines = [];
      length = 0;
      if (event !== undefined) yield event;
    }
    if (length + rest.length > LONGEST_EVENT) throw new Error('an event is longer than a megabyte');
  }
}
