import {expect, test} from 'vitest';
import type {RequestEvent} from '../../../../src/manager/tracing/request-events.js';
import {TracedRequests} from '../../../../src/manager/tracing/traced-requests.js';

const send = (unique: number, opcode: number, timeNs: number): RequestEvent => {
  return {kind: 'send', unique, opcode, timeNs, connection: 5, length: 56, error: 0};
};
const end = (unique: number, timeNs: number, error = 0, length = 144): RequestEvent => {
  return {kind: 'end', unique, timeNs, error, length, connection: 5, opcode: 0};
};

test('requests are counted by opcode, with errors, bytes and times', () => {
  const requests = new TracedRequests();
  requests.take(send(2, 3, 1_000));
  requests.take(send(4, 1, 2_000));
  requests.take(end(4, 12_000, -2, 16));
  requests.take(end(2, 31_000));
  const {GETATTR, LOOKUP} = requests.operations();
  expect(GETATTR).toMatchObject({count: 1, errors: 0, bytesIn: 56, bytesOut: 144, totalNs: 30_000});
  expect(LOOKUP).toMatchObject({count: 1, errors: 1, errorsByErrno: {ENOENT: 1}, maxNs: 10_000});
  expect([requests.answers, requests.pending]).toEqual([2, 0]);
});

test('an answer whose request was not seen counts as an answer alone, and may find it later', () => {
  const requests = new TracedRequests();
  expect(requests.take(end(2, 5_000))).toBe(false);
  requests.take(send(2, 3, 4_000));
  expect(requests.takeLate(end(2, 5_000))).toBe(true);
  expect(requests.operations()['GETATTR']).toMatchObject({count: 1, totalNs: 1_000});
  expect(requests.answers).toBe(1);
});

test('clocks that differ, opcodes and errors that nobody knows', () => {
  const requests = new TracedRequests();
  requests.take(send(2, 9999, 5_000));
  requests.take(end(2, 4_000, -99999));
  expect(requests.operations()['OTHER']).toMatchObject({count: 1, totalNs: 0, errorsByErrno: {other: 1}});
});

test('requests that are never answered are remembered only so far', () => {
  const requests = new TracedRequests();
  for (let unique = 0; unique < 10_000; unique++) requests.take(send(unique, 1, unique));
  expect(requests.pending).toBe(4096);
  expect(requests.take(end(0, 20_000))).toBe(false);
  expect(requests.take(end(9_999, 20_000))).toBe(true);
  requests.forgetPending();
  expect(requests.pending).toBe(0);
});
