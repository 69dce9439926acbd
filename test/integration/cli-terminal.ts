import {type ChildProcess, spawn} from 'node:child_process';
import {eventually} from '../../src/helper/cleanup.js';

/** The lines of one screen, kept by what programs of ours send: enough of a terminal to see what somebody would see. */
class Grid {
  readonly lines: string[] = [];
  row = 0;
  column = 0;

  put(character: string): void {
    const line = (this.lines[this.row] ?? '').padEnd(this.column);
    this.lines[this.row] = line.slice(0, this.column) + character + line.slice(this.column + 1);
    this.column++;
  }

  eraseLine(): void {
    this.lines[this.row] = (this.lines[this.row] ?? '').slice(0, this.column);
  }

  get text(): string {
    return Array.from(this.lines, (line) => (line ?? '').trimEnd()).join('\n');
  }
}

/** A terminal on a pseudo terminal of script(1), with a shell command in it. */
export class TestTerminal {
  readonly #child: ChildProcess;
  #main = new Grid();
  #alternate: Grid | undefined;
  #rest = '';
  /** All that was sent to it. */
  raw = '';
  cursorShown = true;
  wraps = true;
  readonly ended: Promise<number | null>;

  /** @param command for sh; it starts on a screen of 24 lines and 80 columns */
  constructor(command: string, env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn('script', ['-qfec', `stty rows 24 cols 80; ${command}`, '/dev/null'], {
      env: {...process.env, TERM: 'xterm', SHELL: '/bin/sh', ...env},
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#feed(text));
    this.ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  /** Whether programs draw on the other screen now. */
  get onAlternateScreen(): boolean {
    return this.#alternate !== undefined;
  }

  /** What is to be seen. */
  get text(): string {
    return (this.#alternate ?? this.#main).text;
  }

  type(keys: string): void {
    this.#child.stdin!.write(keys);
  }

  /** Waits until something is to be seen. @throws Error with the whole screen when it does not come */
  async sees(what: string | RegExp): Promise<void> {
    const there = (): boolean => (typeof what === 'string' ? this.text.includes(what) : what.test(this.text));
    if (!(await eventually(there, 10_000)) && !there()) {
      throw new Error(`${what} does not come; this is there:\n${this.text}`);
    }
  }

  /** Ends whatever still runs in it. */
  close(): void {
    this.#child.kill('SIGKILL');
  }

  #feed(text: string): void {
    this.raw += text;
    let rest = this.#rest + text;
    for (;;) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are what is parsed here.
      const match = /^(?:\x1b\[([?]?)([\d;]*)([@-~])|\x1b(?:[^[]|$)|[^\x1b])/su.exec(rest);
      if (match === null || match[0] === '\x1b') break;
      rest = rest.slice(match[0].length);
      if (match[3] !== undefined) this.#control(match[1]!, match[2]!, match[3]);
      else this.#character(match[0]);
    }
    this.#rest = rest;
  }

  #character(character: string): void {
    const grid = this.#alternate ?? this.#main;
    if (character === '\n') grid.row++;
    else if (character === '\r') grid.column = 0;
    else if (character >= ' ') grid.put(character);
  }

  #control(mark: string, parameters: string, final: string): void {
    const grid = this.#alternate ?? this.#main;
    const on = final === 'h';
    if (mark === '?') {
      if (parameters === '1049') this.#alternate = on ? new Grid() : undefined;
      if (parameters === '25') this.cursorShown = on;
      if (parameters === '7') this.wraps = on;
    } else if (final === 'H') {
      const [row = '1', column = '1'] = parameters.split(';');
      grid.row = Number(row) - 1;
      grid.column = Number(column) - 1;
    } else if (final === 'K') {
      grid.eraseLine();
    } else if (final === 'J') {
      grid.lines.length = 0;
    }
  }
}
