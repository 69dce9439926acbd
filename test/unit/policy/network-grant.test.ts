import {describe, expect, test} from 'vitest';
import {parseNetworkGrant} from '../../../src/policy/network-grant.js';

describe('a network grant', () => {
  test.each([
    ['nas.example.org:22', {host: 'nas.example.org', port: 22, kind: 'name'}],
    ['NAS:65535', {host: 'nas', port: 65_535, kind: 'name'}],
    ['my_host.lan:1', {host: 'my_host.lan', port: 1, kind: 'name'}],
    ['3com.example:80', {host: '3com.example', port: 80, kind: 'name'}],
    ['192.0.2.7:445', {host: '192.0.2.7', port: 445, kind: 'ipv4'}],
    ['[2001:DB8::7]:445', {host: '2001:db8::7', port: 445, kind: 'ipv6'}],
    ['[::1]:22', {host: '::1', port: 22, kind: 'ipv6'}],
  ])('%s', (text, expected) => {
    expect(parseNetworkGrant(text)).toEqual(expected);
  });

  test.each([
    ['no port', 'nas'],
    ['port 0', 'nas:0'],
    ['a port that is none', 'nas:65536'],
    ['a port with a sign', 'nas:+22'],
    ['a port with zeros before it', 'nas:022'],
    ['a range', '10.0.0.0/8:22'],
    ['every host', '*:22'],
    ['IPv6 without brackets', '2001:db8::7:22'],
    ['a name in brackets', '[nas]:22'],
    ['IPv4 in brackets', '[192.0.2.7]:22'],
    ['an IPv4 address in disguise', '[::ffff:192.0.2.7]:22'],
    ['the same in hexadecimal', '[::ffff:c000:207]:22'],
    ['a link-local address', '[fe80::1]:22'],
    ['an address with a link', '[fe80::1%eth0]:22'],
    ['an IPv6 multicast address', '[ff02::1]:22'],
    ['no address', '[::]:22'],
    ['no address, written otherwise', '[0:0::0]:22'],
    ['any address', '0.0.0.0:22'],
    ['a multicast address', '224.0.0.1:22'],
    ['everybody', '255.255.255.255:22'],
    ['an address of another notation', '127.1:22'],
    ['one in hexadecimal', '0x7f000001:22'],
    ['one number', '2130706433:22'],
    ['a line feed', 'nas\n:22'],
    ['an end that is no end', 'nas:22\n'],
    ['a space', 'n as:22'],
    ['an empty label', 'nas..lan:22'],
    ['a label that begins with a hyphen', '-oProxyCommand=x:22'],
    ['a label that is too long', `${'a'.repeat(64)}:22`],
    ['a name that is too long', `${'a.'.repeat(127)}aa:22`],
    ['nothing', ''],
  ])('is refused: %s', (_what, text) => {
    expect(parseNetworkGrant(text)).toBeUndefined();
  });
});
