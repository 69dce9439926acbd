import {Type} from 'typebox';
import type {Manager} from '../../manager/face.js';
import {EventStream, parseEventId} from '../event-stream.js';
import {AdminError} from '../problem.js';
import {problems} from '../schemas.js';
import type {Routes} from './plugin.js';

/** Each costs a connection and at most 64 KiB. */
const MOST_STREAMS = 32;
const ID_TEXT = 'id of the last event that the client has, as the stream said it or its number alone';

/** What happens, as it happens. `streams` holds those that are open; the caller ends them when the server stops. */
export function eventRoutes(
  manager: Manager,
  opts: {streams: Set<EventStream>; heartbeatMs: number},
): Routes {
  const {streams, heartbeatMs} = opts;
  return async (app) => {
    app.get(
      '/v1/events',
      {
        exposeHeadRoute: false,
        schema: {
          operationId: 'listenToEvents',
          tags: ['events'],
          summary: 'Server-sent events, whose data are of the schema Event',
          description:
            'With Last-Event-ID or `since`, what is still kept after that event comes first; an event `gap` tells of ' +
            'what is not kept any more. Without, the stream begins now. Comments keep the connection alive.',
          querystring: Type.Object(
            {since: Type.Optional(Type.String({maxLength: 32, description: ID_TEXT}))},
            {additionalProperties: false},
          ),
          headers: Type.Object({
            'last-event-id': Type.Optional(Type.String({maxLength: 32, description: ID_TEXT})),
          }),
          response: {
            200: {
              description: 'the stream, which ends with the daemon or the client',
              content: {'text/event-stream': {schema: Type.String()}},
            },
            ...problems(503),
          },
        },
      },
      async ({query, headers}, reply) => {
        const text = headers['last-event-id'] ?? query.since;
        const resume = text === undefined ? undefined : parseEventId(text);
        if (text !== undefined && resume === undefined) {
          throw new AdminError(400, 'invalid-request', `there can be no event "${text}"`);
        }
        if (streams.size >= MOST_STREAMS) {
          throw new AdminError(503, 'too-many-streams', `${MOST_STREAMS} clients listen to events already`);
        }
        const stream = new EventStream(manager, resume, heartbeatMs);
        streams.add(stream);
        stream.once('close', () => streams.delete(stream));
        return reply.type('text/event-stream').header('x-accel-buffering', 'no').send(stream);
      },
    );
  };
}
