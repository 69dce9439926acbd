import {fstatSync} from 'node:fs';
import {parentPort} from 'node:worker_threads';
import {type BlockSource, FileSource} from '../block/index.js';
import {type FileSystem, runBlocking, Session} from '../fuse/index.js';
import {deviceSize} from '../sys/block-device.js';
import type {Driver} from './driver.js';
import {chooseDriver} from './drivers.js';
import {restrictThread} from './lock-down.js';
import {log} from './log.js';
import {refusalOf} from './refusal.js';
import type {Ask, Reply, ThreadCalls} from './requests.js';

/** The kernel may keep what can't change: names, absent names and attributes of a read-only image, for a year. */
const FOREVER_SECONDS = 31_536_000;

/** The source on a descriptor: a block device tells its size by ioctl, a file by fstat. */
function sourceOf(fd: number): BlockSource {
  return new FileSource(fd, fstatSync(fd).isBlockDevice() ? deviceSize(fd) : undefined);
}

/**
 * The thread that parses the image and answers the kernel. It does what the main thread asks, one thing after the other; the last,
 * `run`, blocks in read(2) on the fuse device for the life of the mount.
 */
class RequestThread {
  #driver: Driver | undefined;
  #fileSystem: FileSystem | undefined;

  do(ask: Ask): ThreadCalls[keyof ThreadCalls]['answer'] {
    switch (ask.do) {
      case 'restrict':
        return {landlock: restrictThread()};
      case 'probe':
        return this.#probe(ask);
      case 'open':
        return this.#open(ask);
      case 'run':
        return this.#run(ask.fuseFd);
    }
  }

  #probe({fd, type}: ThreadCalls['probe']['ask']): ThreadCalls['probe']['answer'] {
    const source = sourceOf(fd);
    const chosen = chooseDriver(type, source);
    this.#driver = chosen.driver;
    const {target, optionNames} = chosen.driver;
    return {type: chosen.type, target, optionNames, blockSize: chosen.driver.blockSize(source)};
  }

  #open({fd, options, cacheBytes}: ThreadCalls['open']['ask']): ThreadCalls['open']['answer'] {
    this.#fileSystem = this.#driver!.open(sourceOf(fd), {
      options: new Map(options),
      cacheBytes,
      cacheCounters: {hits: 0, missesCold: 0, missesEvicted: 0, evictions: 0},
      log: (values, message) => log('warn', values, message),
    });
    return {};
  }

  #run(fuseFd: number): ThreadCalls['run']['answer'] {
    const session = new Session(
      this.#fileSystem!,
      {
        init: {want: ['POSIX_ACL', 'EXPORT_SUPPORT']},
        entryTimeout: FOREVER_SECONDS,
        attrTimeout: FOREVER_SECONDS,
        maxConcurrent: 1,
      },
      {
        onError: (error, {name, nodeid}) =>
          log('error', {request: name, nodeid, error: String(error)}, 'a request failed unexpectedly'),
      },
    );
    return {ended: runBlocking(fuseFd, session)};
  }
}

/** Starts to listen for what the main thread asks. */
export function runRequestThread(): void {
  const port = parentPort!;
  const thread = new RequestThread();
  const reply = (value: Reply) => port.postMessage(value);
  port.on('message', (ask: Ask) => {
    try {
      reply({answer: thread.do(ask)});
    } catch (error) {
      reply({refusal: refusalOf(error)});
    }
  });
}
