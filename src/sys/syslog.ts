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
  const priority = FACILITY * 8 + SEVERITIES[severity];
  const line = text.replaceAll(/\p{C}/gu, '?');
  const packet = `<${priority}>${timestamp(new Date())} fuseward[${process.pid}]: ${line}`;
  try {
    using socket = connectDatagram(path);
    sendPacket(socket.fd, new TextEncoder().encode(packet).subarray(0, LONGEST), [], {
      timeoutMs: PATIENCE_MS,
    });
  } catch {
    // Nobody keeps a log here.
  }
}
