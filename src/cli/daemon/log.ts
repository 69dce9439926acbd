import {destination, type Logger, pino} from 'pino';
import pretty from 'pino-pretty';

/**
 * The daemon's log on standard error: JSON, a line an event, for a journal; for people on a terminal. Written at once and not by
 * a thread of its own, so that the last lines before an end are not lost.
 */
export function daemonLog(level: string): Logger {
  const options = {level, base: {}, formatters: {level: (label: string) => ({level: label})}};
  if (process.stderr.isTTY)
    return pino(
      options,
      pretty({
        destination: 2,
        sync: true,
        // It takes this for the name of a function; ours has who gave an order.
        customPrettifiers: {caller: (value) => JSON.stringify(value)},
      }),
    );
  return pino(
    {...options, timestamp: () => `,"time":"${new Date().toISOString()}"`},
    destination({dest: 2, sync: true}),
  );
}
