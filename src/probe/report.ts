import {errnoCode} from '../sys/errno-codes.js';
import {ERRNO_FORBIDDEN} from '../sys/forbidden-call.js';

/** What the probe is started with, as JSON in its first argument. */
export interface ProbeTask {
  /** `try`: every act. `wait`: nothing, as the victim of another probe. `fall`: one forbidden call with what a server has for that. */
  readonly do: 'try' | 'wait' | 'fall';
  /** Where reports go. */
  readonly reportFd: number;
  /** The image, opened read-only; undefined: it comes as a descriptor over fd 3. */
  readonly imageFd?: number;
  /** Processes as the machine counts them: whoever asked, and another contained one. */
  readonly manager: number;
  readonly victim: number;
  /** Where somebody listens: a TCP port of 127.0.0.1, an abstract unix name, a path. */
  readonly port: number;
  readonly abstractName: string;
  readonly socketPath: string;
  /** Whether standard error is a file that could grow, and not the journal. */
  readonly logIsFile: boolean;
}

/** What came of one act. */
export type Outcome =
  | {readonly result: 'went-through'; readonly detail: string}
  /** 0 to 4095; ERRNO_FORBIDDEN where the filter stopped it. */
  | {readonly result: 'stopped'; readonly errno: number; readonly detail: string}
  | {readonly result: 'not-tried'; readonly detail: string};

/** What holds the probe: its launcher's sandbox alone; landlock too; everything that holds a server. */
export const STAGES = ['sandbox', 'landlock', 'locked'] as const;
export type Stage = (typeof STAGES)[number];

/** One act in one stage; `outcome` is missing when it begins. Whoever reads never sees the end of an act that ended the probe. */
export interface ActReport {
  readonly act: string;
  readonly stage: Stage;
  readonly outcome?: Outcome;
}

/** The last report: every act was tried. */
export interface ProbeEnd {
  readonly end: true;
  /** Landlock's ABI, 0 where the kernel has none. */
  readonly landlock: number;
  readonly jitless: boolean;
}

/** What stands for an errno: its name, or that it was the filter. */
export function errnoText(errno: number): string {
  return errno === ERRNO_FORBIDDEN ? 'seccomp' : (errnoCode(errno) ?? String(errno));
}
