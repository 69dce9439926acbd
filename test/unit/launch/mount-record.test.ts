import {spawn} from 'node:child_process';
import {expect, test} from 'vitest';
import {isRecordOf, type MountRecord} from '../../../src/launch/mount-record.js';
import {processStart} from '../../../src/sys/process-state.js';

const RECORD: MountRecord = {
  ...{connectionId: 43, mountId: 66, source: '/images/a.img', target: '/mnt', type: 'ext4', options: ['ro']},
  ...{readOnly: true, iomap: 'unsupported', kind: 'embedded', since: '2024-02-29T12:00:00.000Z'},
  ...{serverPid: 4711, serverStart: '12345'},
};

test('a record is of the mount that has its id, among others', () => {
  expect(isRecordOf(RECORD, 43, [12, 66])).toBe(true);
});

test('it is of no other mount that has got the number of the connection', () => {
  expect(isRecordOf(RECORD, 43, [67])).toBe(false);
});

test('nor of one just because its server still runs', () => {
  const other = spawn('sleep', ['60']);
  try {
    const [pid, start] = [other.pid!, processStart(other.pid!)!];
    expect(isRecordOf({...RECORD, serverPid: pid, serverStart: start}, 43, [67])).toBe(false);
  } finally {
    other.kill('SIGKILL');
  }
});
