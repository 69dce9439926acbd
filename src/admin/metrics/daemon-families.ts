import type {StatusView} from '../../manager/model.js';
import {Family, labelText} from './family.js';
import {boundedEntries} from './labels.js';

const gauge = (name: string, help: string) => new Family('gauge', name, help);
const counter = (name: string, help: string) => new Family('counter', name, help);

/** The daemon itself: totals, and what its process costs under the names that every Prometheus client library uses. */
export class DaemonFamilies {
  readonly build = gauge('fuseward_build_info', 'Version of the daemon; 1.');
  readonly works = gauge('fuseward_works', 'Whether contained mounts work on this machine.');
  readonly features = gauge('fuseward_feature', '1 for the state of a feature of this machine.');
  readonly mounts = gauge('fuseward_mounts', 'Mounts, by whose they are.');
  readonly unhealthy = gauge('fuseward_mounts_unhealthy', 'Mounts that are not well.');
  readonly made = counter('fuseward_mounts_made_total', 'Mounts since the daemon started.');
  readonly died = counter('fuseward_servers_died_total', 'Servers that died since the daemon started.');
  readonly cpu = counter('process_cpu_seconds_total', 'Processor time of the daemon.');
  readonly resident = gauge('process_resident_memory_bytes', 'Memory of the daemon.');
  readonly start = gauge('process_start_time_seconds', 'When the daemon started, since 1970.');

  add(status: StatusView): void {
    const {totals} = status;
    this.build.add(1, labelText({version: status.version, node: process.version}));
    this.works.add(Number(status.works));
    const states = Object.fromEntries(status.features.map(({name, state}) => [name, state]));
    for (const [feature, state] of boundedEntries(states)) this.features.add(1, labelText({feature, state}));
    this.mounts.add(totals.ours, labelText({ours: 'true'}));
    this.mounts.add(totals.mounts - totals.ours, labelText({ours: 'false'}));
    this.unhealthy.add(totals.unhealthy);
    this.made.add(totals.mountsMade);
    this.died.add(totals.serversDied);
    const {user, system} = process.cpuUsage();
    this.cpu.add((user + system) / 1e6);
    this.resident.add(process.memoryUsage.rss());
    this.start.add(Date.parse(status.startedAt) / 1000);
  }
}
