import {type Screen, TerminalScreen} from './screen.js';

/** Something that is shown again and again until somebody quits. */
export interface LiveView {
  readonly intervalMs: number;
  /** Looks at what is shown. What it throws ends the view. */
  sample(): Promise<void>;
  /** The lines for a screen of this size. */
  draw(size: {readonly columns: number; readonly rows: number}): readonly string[];
  /** A key that means nothing to the screen itself; the view is drawn again after it. */
  key?(key: string): void;
}

/** Whether both a picture that changes and keys are possible: a terminal that can move its cursor. */
export function canDraw(): boolean {
  const term = process.env['TERM'];
  return process.stdout.isTTY === true && term !== undefined && term !== '' && term !== 'dumb';
}

const QUIT_KEYS: ReadonlySet<string> = new Set(['q', 'Q', '\x03', '\x04']);

/** Shows the view on the terminal's other screen until q, Ctrl-C or a signal; the screen is as it was afterwards. */
export async function showLive(view: LiveView, screen: Screen = new TerminalScreen()): Promise<void> {
  const quit = new AbortController();
  const quitted = new Promise<void>((resolve) => {
    quit.signal.addEventListener('abort', () => resolve(), {once: true});
  });
  const draw = (): void => screen.draw(view.draw(screen.size));
  screen.enter({
    redraw: draw,
    key: (key) => {
      if (QUIT_KEYS.has(key)) {
        quit.abort();
        return;
      }
      view.key?.(key);
      draw();
    },
  });
  try {
    while (!quit.signal.aborted) {
      const next = Date.now() + view.intervalMs;
      // Somebody who quits need not wait for an answer.
      await Promise.race([view.sample(), quitted]);
      if (quit.signal.aborted) break;
      draw();
      await pause(Math.max(0, next - Date.now()), quit.signal);
    }
  } finally {
    screen.leave();
  }
}

/** Waits, but not longer than until the signal. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (signal?.aborted === true) end();
    else signal?.addEventListener('abort', end, {once: true});
  });
}
