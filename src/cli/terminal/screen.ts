import {output} from '../command.js';
import {cut} from './text.js';

/** What the screen tells the one who draws on it. */
export interface ScreenEvents {
  /** A key as the bytes that the terminal sent for it. */
  key(key: string): void;
  /** The size changed, or the picture was lost. */
  redraw(): void;
}

/** A screen to draw on. */
export interface Screen {
  readonly size: {readonly columns: number; readonly rows: number};
  enter(events: ScreenEvents): void;
  /** Shows these lines and nothing else. Lines may hold styles from `style`, and otherwise printable text. */
  draw(lines: readonly string[]): void;
  leave(): void;
}

// Control sequences that every terminal in use understands (ECMA-48, xterm's private modes).
const ESC = '\x1b';
const ALTERNATE_SCREEN = `${ESC}[?1049h`;
const MAIN_SCREEN = `${ESC}[?1049l`;
const HIDE_CURSOR = `${ESC}[?25l`;
const SHOW_CURSOR = `${ESC}[?25h`;
const NO_WRAP = `${ESC}[?7l`;
const WRAP = `${ESC}[?7h`;
const CLEAR = `${ESC}[2J`;
const PLAIN = `${ESC}[0m`;
// Terminals that know these show a picture at once when it is complete; others ignore them.
const BEGIN_PICTURE = `${ESC}[?2026h`;
const END_PICTURE = `${ESC}[?2026l`;

const STYLES = {bold: `${ESC}[1m`, inverse: `${ESC}[7m`} as const;

/** Signals that end the program: the screen is put back before. */
const FATAL_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** A whole line in a style; `width` columns, so that what is not shown can't hold the end of the style. */
export function style(name: keyof typeof STYLES, line: string, width: number): string {
  return `${STYLES[name]}${cut(line, width)}${PLAIN}`;
}

/**
 * The terminal's alternate screen, where pictures don't disturb what was there. Only lines that changed are written, in one
 * piece, so nothing flickers. However the program ends or is stopped (short of SIGKILL), the screen, the cursor, and the
 * modes of the keyboard are put back: on leave(), on a signal, on Ctrl-Z until it goes on, on an uncaught error.
 */
export class TerminalScreen implements Screen {
  readonly #out = output();
  readonly #in = process.stdin;
  #events: ScreenEvents | undefined;
  #shown: string[] = [];
  #active = false;

  get size(): {columns: number; rows: number} {
    return {columns: this.#out.columns || 80, rows: this.#out.rows || 24};
  }

  enter(events: ScreenEvents): void {
    this.#events = events;
    this.#activate();
    for (const signal of FATAL_SIGNALS) process.on(signal, this.#onFatal);
    process.on('SIGTSTP', this.#onStop);
    process.on('SIGCONT', this.#onContinue);
    process.on('exit', this.#deactivate);
    this.#out.on('resize', this.#onResize);
    if (this.#in.isTTY) this.#in.on('data', this.#onData);
  }

  leave(): void {
    this.#deactivate();
    for (const signal of FATAL_SIGNALS) process.off(signal, this.#onFatal);
    process.off('SIGTSTP', this.#onStop);
    process.off('SIGCONT', this.#onContinue);
    process.off('exit', this.#deactivate);
    this.#out.off('resize', this.#onResize);
    this.#in.off('data', this.#onData);
    this.#in.pause();
    this.#events = undefined;
  }

  draw(lines: readonly string[]): void {
    if (!this.#active) return;
    const {rows} = this.size;
    let output = '';
    for (let row = 0; row < rows; row++) {
      const line = lines[row] ?? '';
      if (line === (this.#shown[row] ?? '')) continue;
      output += `${ESC}[${row + 1};1H${ESC}[K${line}${PLAIN}`;
      this.#shown[row] = line;
    }
    if (output !== '') this.#out.write(`${BEGIN_PICTURE}${output}${END_PICTURE}`);
  }

  #activate(): void {
    if (this.#in.isTTY) this.#in.setRawMode(true);
    this.#out.write(`${ALTERNATE_SCREEN}${HIDE_CURSOR}${NO_WRAP}${CLEAR}`);
    this.#shown = [];
    this.#active = true;
  }

  readonly #deactivate = (): void => {
    if (!this.#active) return;
    this.#active = false;
    this.#out.write(`${END_PICTURE}${PLAIN}${WRAP}${SHOW_CURSOR}${MAIN_SCREEN}`);
    if (this.#in.isTTY) this.#in.setRawMode(false);
  };

  readonly #onFatal = (signal: NodeJS.Signals): void => {
    this.leave();
    // Nobody listens any more, so the signal does what it does to every program, and the shell sees that.
    process.kill(process.pid, signal);
  };

  readonly #onStop = (): void => {
    this.#deactivate();
    process.kill(process.pid, 'SIGSTOP');
  };

  readonly #onContinue = (): void => {
    if (!this.#active) this.#activate();
    this.#events?.redraw();
  };

  readonly #onResize = (): void => {
    // Terminals move lines about when their size changes, so nothing is known of what is shown.
    if (this.#active) this.#out.write(CLEAR);
    this.#shown = [];
    this.#events?.redraw();
  };

  readonly #onData = (data: Buffer): void => {
    const keys = data.toString('latin1');
    // An escape sequence (an arrow, a pasted text) is one key that nobody knows.
    for (const key of keys.startsWith(ESC) ? [keys] : keys) {
      if (key === '\x1a') this.#onStop();
      else if (key === '\x1c') this.#onFatal('SIGQUIT');
      else this.#events?.key(key);
      if (this.#events === undefined) return;
    }
  };
}
