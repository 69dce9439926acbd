import {expect, test} from 'vitest';
import {type Seal, sealOfUnknown} from '../../../src/launch/seal.js';
import {Attestation} from '../../../src/manager/attestation.js';
import type {WatchedMount} from '../../../src/manager/watched-mount.js';
import type {ContainmentPoint} from '../../../src/policy/index.js';

/** A seal of the points that there are, with these missing. */
function seal(...missing: ContainmentPoint[]): Seal {
  return sealOfUnknown('').map((each) => ({
    ...each,
    state: missing.includes(each.point) ? 'missing' : each.point === 'landlock' ? 'reported' : 'verified',
  }));
}

/** A mount whose server has what `seals` say, look by look; the last of them for ever. */
function mount(
  seals: Array<Seal | undefined>,
  required: ContainmentPoint[],
  record: object | undefined = {},
) {
  return {
    record,
    policy: {containment: {required}},
    server: {pid: 1, start: '1'},
    wantsServer: false,
    isServerAlive: () => true,
    look: () => {
      const next = seals.length > 1 ? seals.shift() : seals[0];
      return next === undefined ? undefined : {containment: undefined, seal: next};
    },
  };
}

function attestation() {
  const told: string[] = [];
  const note = (what: string) => (_: WatchedMount, points: Seal) =>
    told.push(`${what} ${points.map(({point}) => point).join(' ')}`);
  const clock = {now: 0};
  const events = {containmentLost: note('lost'), containmentMissing: note('missing')};
  const attested = new Attestation(() => clock.now, events);
  return {told, clock, check: (each: object) => attested.check(each as WatchedMount)};
}

test('what goes is told once, and again after it was there again', () => {
  const {told, check} = attestation();
  const watched = mount(
    [seal('cgroup'), seal('cgroup', 'user'), seal('user', 'cgroup'), seal(), seal('user')],
    [],
  );
  for (let look = 0; look < 6; look++) check(watched);
  expect(told).toEqual(['lost user', 'lost user']);
});

test('what is required is told once, and has to be missing at a second look', () => {
  const {told, check} = attestation();
  const spoiled = mount([seal('limits'), seal()], ['limits']);
  for (let look = 0; look < 3; look++) check(spoiled);
  expect(told).toEqual([]);
  const loose = mount([seal('limits', 'user', 'cgroup')], ['cgroup', 'limits', 'seccomp']);
  for (let look = 0; look < 3; look++) check(loose);
  expect(told).toEqual(['missing limits cgroup']);
});

test('what the server itself reports counts as there', () => {
  const {told, check} = attestation();
  check(mount([seal()], ['landlock']));
  expect(told).toEqual([]);
});

test('mounts of others are left alone, and so is a server that ended meanwhile', () => {
  const {told, check} = attestation();
  const foreign = mount([seal(), seal('user')], ['user'], undefined);
  const dead = {...mount([seal('user')], ['user']), isServerAlive: () => false};
  for (const each of [foreign, foreign, dead]) check({...each, record: each === foreign ? undefined : {}});
  expect(told).toEqual([]);
});

test('a mount of ours that nobody knows the server of lacks everything, after some patience', () => {
  const {told, clock, check} = attestation();
  const watched = {...mount([undefined], ['user']), server: undefined, wantsServer: true};
  check(watched);
  clock.now = 2_900;
  check(watched);
  expect(told).toEqual([]);
  clock.now = 3_100;
  check(watched);
  expect(told).toEqual(['missing user']);
});
