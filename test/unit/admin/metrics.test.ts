import {beforeEach, describe, expect, test, vi} from 'vitest';
import {IOMAP_NUMBERS} from '../../../src/control/messages.js';
import {contract} from './contract.js';
import {type Line, parseExposition} from './exposition.js';
import {FakeManager, foreignMount, mountView, operationStats} from './fake-manager.js';

let manager: FakeManager;
let api: Awaited<ReturnType<typeof contract>>;

beforeEach(async () => {
  manager = new FakeManager();
  api = await contract(manager);
  return () => api.admin.close();
});

async function scrape() {
  const answer = await api.ask('GET', '/metrics');
  expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  const families = parseExposition(answer.text);
  const value = (name: string, labels: Record<string, string> = {}): number | undefined => {
    const lines = [...families.values()].flatMap((family) => family.lines);
    const found = lines.filter(
      (line) =>
        line.name === name && Object.entries(labels).every(([key, text]) => line.labels[key] === text),
    );
    expect(found.length).toBeLessThan(2);
    return found[0]?.value;
  };
  return {families, value, text: answer.text};
}

const linesOf = (families: Map<string, {lines: Line[]}>) =>
  [...families.values()].flatMap(({lines}) => lines);

describe('what is told', () => {
  test('requests, errors, bytes and times of a server', async () => {
    const {value} = await scrape();
    const lookup = {mount: '41', type: 'fuse.ext4', opcode: 'LOOKUP'};
    expect(value('fuseward_request_duration_seconds_count', lookup)).toBe(50);
    expect(value('fuseward_request_duration_seconds_sum', lookup)).toBeCloseTo(0.001);
    expect(value('fuseward_request_duration_seconds_bucket', {...lookup, le: '+Inf'})).toBe(50);
    expect(value('fuseward_request_errors_total', {...lookup, errno: 'ENOENT'})).toBe(7);
    expect(value('fuseward_request_bytes_total', {...lookup, direction: 'in'})).toBe(5000);
    expect(value('fuseward_request_bytes_total', {...lookup, direction: 'out'})).toBe(7200);
    expect(value('fuseward_request_duration_seconds_count', {opcode: 'FLUSH'})).toBeUndefined();
    expect(value('fuseward_server_cpu_seconds_total', {mount: '41'})).toBe(1.5);
    expect(value('fuseward_server_page_faults_total', {mount: '41', kind: 'major'})).toBe(2);
  });

  test('buckets are a selection of the counted ones', async () => {
    const {families} = await scrape();
    const buckets = families
      .get('fuseward_request_duration_seconds')
      ?.lines.filter(
        ({name, labels}) =>
          name.endsWith('_bucket') && labels['opcode'] === 'READ' && labels['mount'] === '41',
      );
    const counted = operationStats(20).latencySeconds.buckets;
    expect(buckets?.length).toBeLessThanOrEqual(13);
    expect(buckets?.length).toBeGreaterThan(8);
    for (const {labels, value} of buckets?.slice(0, -1) ?? []) {
      expect(counted.find(({le}) => le === Number(labels['le']))?.count).toBe(value);
    }
  });

  test('caches, with reasons', async () => {
    const {value} = await scrape();
    const block = {mount: '41', cache: 'block'};
    expect(value('fuseward_cache_hits_total', block)).toBe(120);
    expect(value('fuseward_cache_misses_total', {...block, reason: 'cold'})).toBe(17);
    expect(value('fuseward_cache_misses_total', {...block, reason: 'bypassed'})).toBe(3);
    expect(value('fuseward_cache_evictions_total', {...block, reason: 'capacity'})).toBe(2);
    expect(value('fuseward_cache_capacity_bytes', block)).toBe(64 * 2 ** 20);
  });

  test('what a kernel asks that reads by itself, and nothing of it elsewhere', async () => {
    expect((await scrape()).value('fuseward_iomap_retries_total', {mount: '41'})).toBeUndefined();
    manager.iomap = Object.fromEntries(IOMAP_NUMBERS.map((name, index) => [name, index + 1]));
    const {value} = await scrape();
    const mount = {mount: '41'};
    expect(value('fuseward_iomap_begins_total', {...mount, op: 'read'})).toBe(1);
    expect(value('fuseward_iomap_begins_total', {...mount, op: 'report'})).toBe(5);
    expect(value('fuseward_iomap_ends_total', {...mount, of: 'io'})).toBe(7);
    expect(value('fuseward_iomap_upserts_total', {...mount, result: 'refused'})).toBe(10);
    expect(value('fuseward_iomap_invalidations_total', {...mount, of: 'device'})).toBe(12);
    expect(value('fuseward_iomap_retries_total', mount)).toBe(13);
    expect(value('fuseward_iomap_errors_total', mount)).toBe(14);
  });

  test('health is one state of six', async () => {
    manager.views[0] = mountView('41', {health: 'hung'});
    const {families} = await scrape();
    const states = families
      .get('fuseward_mount_health')
      ?.lines.filter(({labels}) => labels['mount'] === '41');
    expect(states).toHaveLength(6);
    expect(states?.filter(({value}) => value === 1).map(({labels}) => labels['health'])).toEqual(['hung']);
  });

  test('containment is the state that each point is in', async () => {
    const {value, families} = await scrape();
    const mount = {mount: '41'};
    expect(value('fuseward_mount_containment', {...mount, point: 'user', state: 'verified'})).toBe(1);
    expect(value('fuseward_mount_containment', {...mount, point: 'cgroup', state: 'missing'})).toBe(1);
    // One line a point: what is not known of a foreign server is not told.
    expect(families.get('fuseward_mount_containment')?.lines).toHaveLength(3);
  });

  test('the daemon and totals', async () => {
    const {value} = await scrape();
    expect(value('fuseward_build_info', {version: '0.1.0'})).toBe(1);
    expect(value('fuseward_mounts', {ours: 'true'})).toBe(1);
    expect(value('fuseward_mounts', {ours: 'false'})).toBe(1);
    expect(value('fuseward_servers_died_total')).toBe(1);
    expect(value('process_start_time_seconds')).toBe(Date.parse(manager.startedAt) / 1000);
    expect(value('fuseward_feature', {feature: 'iomap', state: 'missing'})).toBe(1);
  });

  test('servers that wait, by type', async () => {
    const {value} = await scrape();
    const type = {type: 'ext4'};
    expect(value('fuseward_pool_servers', {...type, state: 'waiting'})).toBe(1);
    expect(value('fuseward_pool_servers', {...type, state: 'starting'})).toBe(1);
    expect(value('fuseward_pool_wanted', type)).toBe(2);
    expect(value('fuseward_pool_used_total', type)).toBe(3);
    expect(value('fuseward_pool_failed_total', type)).toBe(0);
  });

  test('a mount of another program with what the kernel tells, and no caches', async () => {
    const {value, families} = await scrape();
    expect(value('fuseward_mount_info', {mount: '42'})).toBe(1);
    expect(value('fuseward_mount_waiting_requests', {mount: '42'})).toBeUndefined();
    expect(value('fuseward_mount_scrape_success', {mount: '42'})).toBeUndefined();
    expect(value('fuseward_traced_seconds_total', {mount: '42'})).toBe(12.5);
    expect(value('fuseward_trace_gaps_total', {mount: '42'})).toBe(1);
    expect(value('fuseward_server_cpu_mode_seconds_total', {mount: '42', mode: 'user'})).toBe(1);
    expect(
      value('fuseward_server_io_bytes_total', {mount: '42', direction: 'read', through: 'storage'}),
    ).toBe(5e5);
    expect(value('fuseward_cache_bytes', {mount: '42', cache: 'block'})).toBeUndefined();
    expect(value('fuseward_traced_seconds_total', {mount: '41'})).toBeUndefined();
    const info = families.get('fuseward_mount_info')?.lines.find(({labels}) => labels['mount'] === '42');
    expect(info?.labels['target']).toBe('/home/"a\\b"\nc');
  });
});

test('requests to the API itself, by route and not by path', async () => {
  await api.ask('GET', '/v1/mounts/41');
  await api.ask('GET', '/v1/mounts/9');
  await api.ask('GET', '/made/up');
  const {value, text} = await scrape();
  const mount = {method: 'GET', route: '/v1/mounts/:id'};
  expect(value('fuseward_admin_requests_total', {...mount, status: '200'})).toBe(1);
  expect(value('fuseward_admin_requests_total', {...mount, status: '404'})).toBe(1);
  expect(value('fuseward_admin_requests_total', {route: 'none', status: '404'})).toBe(1);
  expect(value('fuseward_event_streams')).toBe(0);
  expect(text).not.toContain('made/up');
});

describe('what is not told', () => {
  test('paths anywhere but in the info metric', async () => {
    const {families} = await scrape();
    families.delete('fuseward_mount_info');
    for (const {labels} of linesOf(families)) {
      for (const text of Object.values(labels)) expect(text).not.toMatch(/\/(mnt|images|home)/);
    }
  });

  test('label names and values beyond a known set', async () => {
    const {families} = await scrape();
    families.delete('fuseward_mount_info');
    families.delete('fuseward_build_info');
    const names = new Set(linesOf(families).flatMap(({labels}) => Object.keys(labels)));
    expect([...names].sort()).toEqual([
      'cache',
      'direction',
      'errno',
      'feature',
      'health',
      'kind',
      'le',
      'method',
      'mode',
      'mount',
      'opcode',
      'ours',
      'point',
      'reason',
      'route',
      'state',
      'status',
      'through',
      'type',
    ]);
  });

  test('a mount that is gone', async () => {
    expect((await scrape()).text).toContain('mount="41"');
    manager.views.splice(0, 1);
    expect((await scrape()).text).not.toContain('mount="41"');
  });

  test('names that a server made up', async () => {
    const flood = Array.from({length: 5000}, (_, index) => [`OP${index}`, operationStats(1)]);
    manager.operations = {'a"} 1\nevil{x="': operationStats(3), ...Object.fromEntries(flood)};
    const {families, text} = await scrape();
    expect(text).not.toContain('evil');
    const opcodes = new Set(linesOf(families).map(({labels}) => labels['opcode']));
    expect(opcodes.size).toBeLessThanOrEqual(65);
  });
});

describe('servers in trouble', () => {
  test('one that does not answer costs its own counters', async () => {
    vi.useFakeTimers({toFake: ['setTimeout', 'clearTimeout']});
    manager.views.push(mountView('44'));
    manager.silent.add('44');
    const asked = scrape();
    await vi.waitFor(() => expect(manager.calls).toContainEqual(['caches', '44', 2000]));
    await vi.advanceTimersByTimeAsync(1000);
    const {value} = await asked;
    vi.useRealTimers();
    expect(value('fuseward_mount_scrape_success', {mount: '41'})).toBe(1);
    expect(value('fuseward_mount_scrape_success', {mount: '44'})).toBe(0);
    expect(value('fuseward_mount_info', {mount: '44'})).toBe(1);
    expect(value('fuseward_queue_depth', {mount: '44'})).toBeUndefined();
  });

  test('one that is gone since the list was made', async () => {
    manager.views.push({...foreignMount('45'), ours: true});
    const gone = manager.caches.bind(manager);
    manager.caches = async (id) => (id === '45' ? Promise.reject(new Error('gone')) : gone(id));
    const {value} = await scrape();
    expect(value('fuseward_mount_scrape_success', {mount: '45'})).toBe(0);
    expect(value('fuseward_mount_scrape_success', {mount: '41'})).toBe(1);
  });

  test('those who scrape at the same time share one collection', async () => {
    manager.calls.length = 0;
    await Promise.all([scrape(), scrape(), scrape()]);
    expect(manager.calls.filter(([what]) => what === 'mounts')).toHaveLength(1);
    await scrape();
    expect(manager.calls.filter(([what]) => what === 'mounts')).toHaveLength(2);
  });
});

test('the check of the text can fail', () => {
  const good = '# HELP a_total x\n# TYPE a_total counter\na_total{b="c"} 1\n';
  expect(parseExposition(good).get('a_total')?.lines).toHaveLength(1);
  for (const bad of [
    good.replace('# HELP a_total x\n', ''),
    `${good}a_total{b="c"} 2\n`,
    `${good}b_total 2\n`,
    good.replace('"c"', '"c'),
    good.replaceAll('a_total', 'a'),
    good.replace(' 1', ' x'),
  ]) {
    expect(() => parseExposition(bad)).toThrow();
  }
});
