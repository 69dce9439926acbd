import {once} from 'node:events';
import type {Worker} from 'node:worker_threads';
import {MountRefusal} from './driver.js';
import type {Ask, Reply, ThreadCalls, ThreadGreeting, ThreadStart} from './requests.js';

/** The main thread's end of the request thread. */
export class RequestThreadHandle {
  readonly #worker: Worker;
  readonly #failed: Promise<never>;
  /** Its first word. Nothing is to be asked before. */
  readonly greeting: Promise<ThreadGreeting>;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#failed = new Promise((_, reject) => {
      this.#worker.once('error', reject);
      this.#worker.once('exit', (code) => reject(new Error(`the request thread ended with code ${code}`)));
    });
    // Who waits for an answer sees the failure; nobody waiting is not a failure of its own.
    this.#failed.catch(() => {});
    this.greeting = this.#next<ThreadGreeting>();
    this.greeting.catch(() => {});
  }

  /** Gives the thread what it works with; to be called once, before anything is asked of it. */
  begin(start: ThreadStart): void {
    this.#worker.postMessage(start, [start.orders.port]);
  }

  /** Asks the thread to do something and waits for it. @throws MountRefusal */
  async ask<K extends keyof ThreadCalls>(
    what: K,
    question: ThreadCalls[K]['ask'],
  ): Promise<ThreadCalls[K]['answer']> {
    this.#worker.postMessage({do: what, ...question} as Ask);
    const reply = await this.#next<Reply>();
    if ('answer' in reply) return reply.answer as ThreadCalls[K]['answer'];
    const {errno, code, message, exitCode, holds} = reply.refusal;
    throw new MountRefusal(errno, code, message, exitCode, holds);
  }
  async #next<T>(): Promise<T> {
    const [message] = (await Promise.race([once(this.#worker, 'message'), this.#failed])) as [T];
    return message;
  }
}
