import {expect, test} from 'vitest';
import {hasDefect, KERNEL_DEFECTS, kernelDefects, withheldFeatures} from '../../../src/sys/kernel-defects.js';

const ids = (release: string) => kernelDefects(release).map(({id}) => id);

const rows: Array<[release: string, id: string, affected: boolean]> = [
  ['5.10.0-28-amd64', 'CVE-2020-36322', true],
  ['5.11.0', 'CVE-2020-36322', false],
  ['6.8.0', 'CVE-2025-68821', false],
  ['6.9.1', 'CVE-2025-68821', true],
  ['6.12.79', 'CVE-2025-68821', true],
  ['6.12.80+deb13-amd64', 'CVE-2025-68821', false],
  ['6.18.3', 'CVE-2025-68821', true],
  ['6.18.44-fc-v669', 'CVE-2025-68821', false],
  ['6.19.0', 'CVE-2025-68821', false],
  ['6.12.90', 'CVE-2026-31694', false],
  ['6.18.20', 'CVE-2026-31694', true],
  ['6.18.44', 'CVE-2026-31694', false],
  ['6.19.3', 'CVE-2026-31694', true],
  ['7.1.0', 'CVE-2026-31694', false],
  ['10.2', 'CVE-2026-31694', false],
];
for (const [release, id, affected] of rows) {
  test(`${release} ${affected ? 'has' : 'has not'} ${id}`, () => {
    expect(ids(release).includes(id)).toBe(affected);
  });
}

test('a release that says nothing counts as affected by everything', () => {
  expect(ids('custom')).toHaveLength(KERNEL_DEFECTS.length);
});

test('opens are withheld where they can deadlock, and only there', () => {
  expect(withheldFeatures('6.18.3').has('no-open')).toBe(true);
  expect(withheldFeatures('6.18.44').has('no-open')).toBe(false);
  expect(withheldFeatures('6.6.1').has('no-open')).toBe(false);
});

test('each defect says what it is, what is done and where that is known from', () => {
  for (const defect of KERNEL_DEFECTS) {
    expect(Object.values(defect).every((value) => value !== '')).toBe(true);
    expect(hasDefect(defect, `${defect.since}.0`)).toBe(true);
    expect(hasDefect(defect, `${defect.fixed}.0`)).toBe(false);
  }
});
