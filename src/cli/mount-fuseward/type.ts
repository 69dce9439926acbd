/** What mount(8) puts before the type: it looks for /sbin/mount.fuseward by the part before the dot. */
const PREFIX = /^fuseward(?:\.|$)/;

/** The type as the mount helper knows it; undefined where the server is to find out. */
export function typeOf(named: string | undefined): string | undefined {
  const type = named?.replace(PREFIX, '');
  return type === '' || type === 'auto' ? undefined : type;
}
