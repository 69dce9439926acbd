import type {Socket} from 'node:net';
import {LIMITS} from './limits.js';
import {PROBLEM_TYPE, type Problem, problem} from './problem.js';

/**
 * Answers what isn't HTTP, is too large, or doesn't come to its end. No request exists then that could be answered
 * properly, so the answer is written by hand and the connection ends. For `clientError` of an HTTP server.
 */
export function answerBrokenRequest(error: Error & {code?: string}, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const told = problemOfCode(error.code);
  const body = JSON.stringify(told);
  const head = [
    `HTTP/1.1 ${told.status} ${told.title}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function problemOfCode(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return problem(431, 'headers-too-large', `headers of more than ${LIMITS.headerBytes} bytes`);
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return problem(408, 'request-timeout', 'the request did not come to its end in time');
  }
  return problem(400, 'bad-request', 'this is not HTTP');
}
