import type {MountStats, OperationStats} from '../../manager/model.js';
import {Family, type LabelText, labelText} from './family.js';
import {boundedEntries} from './labels.js';

/** Finite buckets of a histogram at most; a server counts in finer ones than a graph needs. */
const MOST_BUCKETS = 12;

const gauge = (name: string, help: string) => new Family('gauge', `fuseward_${name}`, help);
const counter = (name: string, help: string) => new Family('counter', `fuseward_${name}`, help);

/** What a server answered and what it costs. */
export class RequestFamilies {
  readonly errors = counter('request_errors_total', 'Requests that were answered with an error.');
  readonly refused = counter('refused_replies_total', 'What a server told the kernel and its relay stopped.');
  readonly bytes = counter('request_bytes_total', 'Bytes of requests (in) and of their answers (out).');
  readonly duration = new Family(
    'histogram',
    'fuseward_request_duration_seconds',
    'Time from reading a request to its answer; its count is the number of requests.',
  );
  readonly queueDepth = gauge('queue_depth', 'Requests that the server works on.');
  readonly cpu = counter('server_cpu_seconds_total', 'Processor time of the server.');
  readonly resident = gauge('server_resident_memory_bytes', 'Memory of the server.');
  readonly faults = counter('server_page_faults_total', 'Page faults of the server.');
  readonly threads = gauge('server_threads', 'Threads of the server.');
  readonly processes = gauge('server_processes', 'Processes of the server.');
  readonly privateMemory = gauge('server_private_memory_bytes', 'Memory of the server that is of no file.');
  readonly openFiles = gauge('server_open_fds', 'Open descriptors of the server.');
  readonly cpuModes = counter(
    'server_cpu_mode_seconds_total',
    'Processor time of the server by mode, user or system.',
  );
  readonly switches = counter('server_context_switches_total', 'Context switches of the server.');
  readonly io = counter(
    'server_io_bytes_total',
    'Bytes that the server read and wrote, through system calls (calls) and from and to storage.',
  );
  readonly maxBackground = gauge(
    'connection_max_background',
    'Background requests that may be under way at once.',
  );
  readonly congestion = gauge(
    'connection_congestion_threshold',
    'Background requests from which on the mount counts as congested.',
  );
  readonly traced = counter(
    'traced_seconds_total',
    "Time for which the requests of a server that does not count them were traced; its request counts are those of that time. Absent where the kernel's trace events can't be had.",
  );
  readonly gaps = counter('trace_gaps_total', 'Times that traced requests were lost because too many came.');

  add(mount: LabelText, stats: MountStats): void {
    this.queueDepth.add(stats.queueDepth, mount);
    for (const [opcode, operation] of boundedEntries(stats.operations)) {
      if (operation.count > 0) this.#addOperation(labelText({opcode}, mount), operation);
    }
    for (const [fault, count] of boundedEntries(stats.refused ?? {})) {
      this.refused.add(count, labelText({fault}, mount));
    }
    const {process, kernel, tracing} = stats;
    this.maxBackground.add(kernel?.maxBackground, mount);
    this.congestion.add(kernel?.congestionThreshold, mount);
    if (tracing !== null && tracing.state !== 'unsupported') {
      this.traced.add(tracing.seconds, mount);
      this.gaps.add(tracing.gaps, mount);
    }
    if (process === null) return;
    this.#addProcess(mount, process);
  }

  #addProcess(mount: LabelText, process: NonNullable<MountStats['process']>): void {
    this.processes.add(process.processes, mount);
    this.privateMemory.add(process.privateBytes, mount);
    this.openFiles.add(process.openFiles, mount);
    this.cpuModes.add(process.userSeconds, labelText({mode: 'user'}, mount));
    this.cpuModes.add(process.systemSeconds, labelText({mode: 'system'}, mount));
    this.switches.add(process.voluntarySwitches, labelText({kind: 'voluntary'}, mount));
    this.switches.add(process.involuntarySwitches, labelText({kind: 'involuntary'}, mount));
    const {io} = process;
    if (io !== null) {
      for (const [direction, through, bytes] of [
        ['read', 'calls', io.readBytes],
        ['written', 'calls', io.writtenBytes],
        ['read', 'storage', io.storageReadBytes],
        ['written', 'storage', io.storageWrittenBytes],
      ] as const)
        this.io.add(bytes, labelText({direction, through}, mount));
    }
    this.cpu.add(process.cpuSeconds, mount);
    this.resident.add(process.residentBytes, mount);
    this.faults.add(process.minorFaults, labelText({kind: 'minor'}, mount));
    this.faults.add(process.majorFaults, labelText({kind: 'major'}, mount));
    this.threads.add(process.threads, mount);
  }

  #addOperation(labels: LabelText, operation: OperationStats): void {
    const {count, latencySeconds} = operation;
    this.duration.addHistogram(thinned(latencySeconds.buckets), count, latencySeconds.mean * count, labels);
    this.bytes.add(operation.bytesIn, labelText({direction: 'in'}, labels));
    this.bytes.add(operation.bytesOut, labelText({direction: 'out'}, labels));
    for (const [errno, errors] of boundedEntries(operation.errorsByErrno)) {
      this.errors.add(errors, labelText({errno}, labels));
    }
  }
}

/**
 * Every nth of the finite buckets, the same for all mounts as they count in the same ones. They are cumulative, so what is
 * left out is still counted in the next.
 */
function thinned<T extends {le: number}>(buckets: readonly T[]): T[] {
  const finite = buckets.filter(({le}) => le >= 0 && Number.isFinite(le));
  const step = Math.ceil(finite.length / MOST_BUCKETS);
  return finite.filter((_, index) => (index + 1) % step === 0);
}
