import {type MountStatus, mountStatus} from '../../launch/mount-status.js';
import {readProcessMemfd} from '../../launch/process-memfd.js';
import {
  COUNTERS_NAME,
  COUNTERS_SIZE,
  type CounterReport,
  reportCounters,
} from '../../server/shared-counters.js';
import {type Command, complain, EXIT, print} from '../command.js';
import {statusDefinition} from './options.js';

const MIB = 2 ** 20;

function seal({containment, record}: MountStatus): string[] {
  if (containment === undefined) return ['server: none found; the mount answers nobody'];
  const {uid, capabilities, ownNamespaces, sharedNamespaces, seccompFilters, noNewPrivs} = containment;
  const namespaces = sharedNamespaces.length === 0 ? '' : `; shares ${sharedNamespaces.join(' ')} with us`;
  const reported = record?.reported;
  const filter =
    reported === undefined ? '' : ` (by its own word ${reported.systemCalls} system calls allowed)`;
  const landlock = reported === undefined ? 'not known' : `ABI ${reported.landlock}, by its own word`;
  const files = containment.visibleFiles.length;
  const open = Object.entries(containment.descriptors).map(([kind, count]) =>
    count === 1 ? kind : `${count}× ${kind}`,
  );
  const limits = Object.entries(containment.limits).map(([name, value]) => `${name} ${value ?? 'unlimited'}`);
  return [
    `server: process ${containment.pid}, user ${uid}, ${(containment.residentBytes / MIB).toFixed(0)} MiB resident, ${containment.threads} threads`,
    `contained by the kernel's word:`,
    `  capabilities:   ${capabilities.length === 0 ? 'none' : capabilities.join(' ')}`,
    `  new privileges: ${noNewPrivs ? 'never' : 'possible'}`,
    `  own namespaces: ${ownNamespaces.join(' ') || 'none'}${namespaces}`,
    `  seccomp:        ${seccompFilters > 0 ? `on in every thread${filter}` : 'not in every thread'}`,
    `  landlock:       ${landlock}`,
    `  sees:           ${files} mounts, of the runtime and the program alone, read-only`,
    `  open:           ${open.join(', ')}`,
    `  limits:         ${limits.join(', ')}`,
  ];
}

/** What the server counts in memory that it shares; its own word, like everything in its memory. */
function countersOf({containment}: MountStatus): CounterReport | undefined {
  if (containment === undefined) return undefined;
  const memory = readProcessMemfd(containment.pid, COUNTERS_NAME, COUNTERS_SIZE);
  return memory === undefined ? undefined : reportCounters(memory);
}

function counts(report: CounterReport | undefined): string[] {
  if (report === undefined) return [];
  const {hits, missesCold, missesEvicted} = report.blockCache;
  const asked = hits + missesCold + missesEvicted;
  const rate = asked === 0 ? '' : `, ${((100 * hits) / asked).toFixed(1)} % hits`;
  const requests = Object.entries(report.requests)
    .sort(([, a], [, b]) => b.count - a.count)
    .map(([name, {count, errors}]) => `${name} ${count}${errors === 0 ? '' : ` (${errors} errors)`}`);
  return [
    `requests: ${requests.join(', ') || 'none yet'}`,
    `block cache: ${asked} look-ups${rate}, ${missesCold} cold and ${missesEvicted} evicted misses`,
  ];
}

function describe(status: MountStatus, report: CounterReport | undefined): string[] {
  const {record, loop, waiting} = status;
  const facts = [
    `type ${status.fsType}`,
    ...(loop === undefined ? [] : [`${loop.device} on ${loop.backingFile}`]),
    ...(record?.blockSize === undefined ? [] : [`block size ${record.blockSize}`]),
    ...(record === undefined ? [] : [`iomap ${record.iomap}`, `since ${record.since}`]),
  ];
  return [
    `${status.target}: ${record?.source ?? status.source}`,
    facts.join(', '),
    `options: ${status.options.join(',')}`,
    `kernel: connection ${status.connectionId}, ${waiting === undefined ? 'fusectl is not mounted, so waiting requests are not known' : `${waiting} requests waiting`}`,
    ...seal(status),
    ...counts(report),
    ...(status.log === ''
      ? []
      : [
          'server log (its own words):',
          ...status.log
            .trim()
            .split('\n')
            .slice(-10)
            .map((line) => `  ${printable(line)}`),
        ]),
  ];
}

/** A server's words, without anything that a terminal would act upon. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?').slice(0, 500);
}

export const statusCommand: Command = {
  definition: statusDefinition,
  run([target], values) {
    let status: MountStatus;
    try {
      status = mountStatus(target!);
    } catch (error) {
      complain(`can't tell the status: ${(error as Error).message}`);
      return EXIT.failed;
    }
    const counters = countersOf(status);
    if (values['json'] === true) print(JSON.stringify({...status, counters}, null, 2));
    else for (const line of describe(status, counters)) print(line);
    return EXIT.done;
  },
};
