import type {ManagerEvent} from '../../manager/model.js';
import {type AdminClient, UnreachableError} from '../admin-client.js';
import {type Command, complain, EXIT, numberOf, print} from '../command.js';
import type {StreamEvent} from '../event-stream.js';
import {withManager} from '../mount-source.js';
import {pause} from '../terminal/live.js';
import {json, printable} from '../terminal/text.js';
import {eventsDefinition} from './options.js';

/** Between attempts to reach a manager that went away. */
const RETRY_MS = 1000;

function detail([name, value]: [string, unknown]): string {
  return `${printable(name)}=${typeof value === 'string' ? printable(value) : json(value)}`;
}

/** An event in one line. */
export function eventLine({id, time, event, mount, target, details}: ManagerEvent): string {
  const where =
    target === null ? [] : [mount === null ? printable(target) : `${printable(target)} [${mount}]`];
  const facts = Object.entries(details).map(detail);
  return [printable(time), id, printable(event), ...where, ...facts].join('  ');
}

/** Parses what a stream brought; undefined for what is no event of the manager. */
function eventOf({data}: StreamEvent): ManagerEvent | undefined {
  try {
    const event = JSON.parse(data) as Partial<ManagerEvent>;
    const whole = typeof event.id === 'number' && typeof event.time === 'string' && event.details !== null;
    return whole && typeof event.details === 'object' ? (event as ManagerEvent) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Events from now on or after `since`, through restarts of the manager: where a stream ends, the next one goes on behind its last
 * event. The first connection must succeed.
 */
async function* follow(client: AdminClient, since: number | undefined): AsyncGenerator<ManagerEvent> {
  let {startedAt} = await client.status();
  let resume: string | number | undefined = since;
  let away = false;
  for (;;) {
    try {
      if (away) {
        const again = (await client.status()).startedAt;
        // Without an event so far there is nothing to go on behind, but everything that a new manager knows is news.
        if (again !== startedAt) resume ??= 0;
        startedAt = again;
        complain('the manager is back');
        away = false;
      }
      for await (const message of client.events(resume)) {
        if (message.id !== undefined) resume = message.id;
        if (message.event === 'gap')
          complain('some events were missed: the manager does not keep them any more');
        const event = eventOf(message);
        if (event !== undefined) yield event;
      }
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
    }
    if (!away) complain('the manager went away; waiting for it');
    away = true;
    // A manager that ends still answers for a while on connections that it has.
    client.close();
    await pause(RETRY_MS);
  }
}

export const eventsCommand: Command = {
  definition: eventsDefinition,
  async run(_positionals, values) {
    const whole = {whole: true, most: Number.MAX_SAFE_INTEGER};
    const since = numberOf(values, 'since', {least: 0, ...whole});
    const count = numberOf(values, 'count', {least: 1, ...whole}) ?? Number.POSITIVE_INFINITY;
    await withManager(values, async (client) => {
      let told = 0;
      for await (const event of follow(client, since)) {
        print(values['json'] === true ? json(event) : eventLine(event));
        if (++told >= count) break;
      }
    });
    return EXIT.done;
  },
};
