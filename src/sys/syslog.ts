import type {OwnedFd} from './fd.js';
import {sendPacket} from './message.js';
import {connectDatagram} from './socket.js';

/** Where syslog daemons and the journal listen. */
const SYSLOG_SOCKET = '/dev/log';
/** LOG_AUTHPRIV of syslog(3): who was let do what. */
const FACILITY = 10;
const SEVERITIES = {warning: 4, info: 6} as const;
/** RFC 3164 says 1024 bytes for a whole message; what listens today takes more, and paths are long. */
const LONGEST = 4096;
/** A daemon that does not read loses the message. */
const PATIENCE_MS = 200;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Jan  2 15:04:05`, local time, as syslog(3) writes it. */
function timestamp(now: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(':');
  return `${MONTHS[now.getMonth()]} ${String(now.getDate()).padStart(2)} ${time}`;
}

/**
 * Writes one line to the system's log, if there is one; nothing fails because of it. Control characters, with which a line could pass
 * for several, become question marks.
 */
export function logToSystem(
  severity: keyof typeof SEVERITIES,
  text: string,
  path: string = SYSLOG_SOCKET,
): void {
  try {
    using socket = connectDatagram(path);
    logOver(socket.fd, severity, text);
  } catch {
    // Nobody keeps a log here.
  }
}

/** The way to the system's log, for a process that can't open it itself; undefined where there is none. */
export function openSystemLog(path: string = SYSLOG_SOCKET): OwnedFd | undefined {
  try {
    return connectDatagram(path);
  } catch {
    return undefined;
  }
}

/** As `logToSystem`, over a socket that is connected to the log. */
export function logOver(socket: number, severity: keyof typeof SEVERITIES, text: string): void {
  const priority = FACILITY * 8 + SEVERITIES[severity];
  const line = text.replaceAll(/\p{C}/gu, '?');
  const packet = `<${priority}>${timestamp(new Date())} fuseward[${process.pid}]: ${line}`;
  try {
    sendPacket(socket, new TextEncoder().encode(packet).subarray(0, LONGEST), [], {timeoutMs: PATIENCE_MS});
  } catch {
    // Its reader is gone or does not read.
  }
}
