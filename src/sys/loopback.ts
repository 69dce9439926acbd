import {Errno} from './errno.js';
import {AF_INET, AF_INET6, addressBytes} from './inet-address.js';
import {checked, ioctlMemory, viewOf} from './libc.js';
import {receivePacket, writeStream} from './message.js';

const SIOCGIFFLAGS = 0x8913;
/** struct ifreq: 16 bytes of name, then a union of which the flags are the first two bytes. */
const IFREQ_SIZE = 40;
const IFR_FLAGS = 16;
const IFF_UP = 1;

/** The loopback interface is the first of every network namespace (net/core/dev.c). */
const LOOPBACK_INDEX = 1;
const RTM_NEWADDR = 20;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;
const NLMSG_ERROR = 2;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
/** Of IPv6: usable at once, without asking the neighbours whether they have it. */
const IFA_F_NODAD = 2;
const RT_SCOPE_HOST = 254;
const HEADER = 16;
const IFADDRMSG = 8;
const RTATTR = 4;
const ANSWER_MS = 2_000;

/** Whether the loopback interface of a socket's network namespace is up. @throws Errno */
export function isLoopbackUp(datagramSocket: number): boolean {
  const request = new Uint8Array(IFREQ_SIZE);
  request.set(new TextEncoder().encode('lo'));
  checked(ioctlMemory()(datagramSocket, SIOCGIFFLAGS, request), 'ioctl(SIOCGIFFLAGS)', 'lo');
  return (viewOf(request).getUint16(IFR_FLAGS, true) & IFF_UP) !== 0;
}

/** RTM_NEWADDR of rtnetlink(7): header, struct ifaddrmsg, the address twice as an interface without a peer has it. */
function newAddress(address: string): Uint8Array {
  const bytes = addressBytes(address);
  const attribute = RTATTR + bytes.length;
  const message = new Uint8Array(HEADER + IFADDRMSG + 2 * attribute);
  const view = viewOf(message);
  view.setUint32(0, message.length, true);
  view.setUint16(4, RTM_NEWADDR, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, true);
  view.setUint32(8, 1, true);
  const isIPv4 = bytes.length === 4;
  message.set(
    [isIPv4 ? AF_INET : AF_INET6, bytes.length * 8, isIPv4 ? 0 : IFA_F_NODAD, RT_SCOPE_HOST],
    HEADER,
  );
  view.setUint32(HEADER + 4, LOOPBACK_INDEX, true);
  [IFA_LOCAL, IFA_ADDRESS].forEach((type, index) => {
    const at = HEADER + IFADDRMSG + index * attribute;
    view.setUint16(at, attribute, true);
    view.setUint16(at + 2, type, true);
    message.set(bytes, at + RTATTR);
  });
  return message;
}

/**
 * Gives the loopback interface of a socket's network namespace one more address, of that single machine.
 * @param routeSocket an rtnetlink socket of that namespace
 * @throws Errno EPERM; EOPNOTSUPP or EACCES for IPv6 where it is switched off; EBADMSG an answer that is none
 */
export function addLoopbackAddress(routeSocket: number, address: string): void {
  writeStream(routeSocket, newAddress(address), ANSWER_MS);
  const answer = new Uint8Array(1024);
  const {length} = receivePacket(routeSocket, answer, {timeoutMs: ANSWER_MS});
  const view = viewOf(answer);
  if (length < HEADER + 4 || view.getUint16(4, true) !== NLMSG_ERROR)
    throw new Errno('EBADMSG', 'rtnetlink', address);
  const error = -view.getInt32(HEADER, true);
  if (error !== 0) throw new Errno(error, 'add address', address);
}
