import type {PoolView} from '../../manager/model.js';
import {Family, labelText} from './family.js';

/** Servers that wait for mounts (`server.pool`), by type. */
export class PoolFamilies {
  readonly servers = new Family('gauge', 'fuseward_pool_servers', 'Servers of the pool, by what they do.');
  readonly wanted = new Family('gauge', 'fuseward_pool_wanted', 'Waiting servers that policy wants.');
  readonly used = new Family('counter', 'fuseward_pool_used_total', 'Mounts that got a waiting server.');
  readonly failed = new Family(
    'counter',
    'fuseward_pool_failed_total',
    'Servers of the pool that did not start, or ended while they waited.',
  );

  add({type, wanted, ready, starting, used, failed}: PoolView): void {
    const labels = labelText({type});
    this.servers.add(ready, labelText({state: 'waiting'}, labels));
    this.servers.add(starting, labelText({state: 'starting'}, labels));
    this.wanted.add(wanted, labels);
    this.used.add(used, labels);
    this.failed.add(failed, labels);
  }
}
