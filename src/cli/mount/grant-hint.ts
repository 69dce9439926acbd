import type {Grant, ServerPolicy} from '../../policy/index.js';
import {foreignText} from '../../service/foreign-text.js';

/** What a program sees without any grant. */
const SEEN = /^\/(?:usr|bin|sbin|lib\w*|proc|dev|sys|tmp|fuseward)(?:\/|$)/;
const PATH = '(\\/[^\\s\'"`,;:()<>]{1,200})';
const REASON = '(?:No such file or directory|Permission denied|ENOENT|EACCES)';
/** As C programs, Go and Python say it: the path before the reason, or behind it. */
const COMPLAINTS = [new RegExp(`${PATH}[^/]{0,60}?${REASON}`), new RegExp(`${REASON}[^/]{0,60}?${PATH}`)];

/** What programs say who look for somebody in a network that is not there. */
const UNREACHABLE =
  /network is unreachable|address family not supported|could not resolve|name or service not known|temporary failure in name resolution|no such host|no route to host/i;

/**
 * A line of policy that would let a command have what it says it can't open or reach. These are the words of the program, which an image may have put into its
 * mouth, so it is for the administrator to judge.
 *
 * @param words what it said, line by line
 * @returns undefined where it says nothing of the kind
 */
export function grantHint(
  words: readonly string[],
  {grants, network, file}: {grants: readonly Grant[]; network: ServerPolicy['network']; file: string},
): string | undefined {
  if (network !== 'host' && words.some((line) => UNREACHABLE.test(line))) {
    const has = network === 'none' ? 'no network' : `nothing of the network but ${network.join(', ')}`;
    return `it is granted ${has}; if there should be more: [server] network = ["host:port"] in ${file}`;
  }
  for (const line of words) {
    for (const complaint of COMPLAINTS) {
      const path = complaint.exec(line)?.[1]?.replace(/[.]+$/, '');
      if (path === undefined || path === '/' || SEEN.test(path)) continue;
      if (grants.some(({place}) => path === place || path.startsWith(`${place}/`))) continue;
      return `it is not granted ${foreignText(path, 200)}; if it should be: [server] grants = ["ro:${foreignText(path, 200)}"] in ${file}`;
    }
  }
  return undefined;
}
