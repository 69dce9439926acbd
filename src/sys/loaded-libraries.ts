import koffi from 'koffi';

/** Where struct dl_phdr_info has the pointer to the name, dl_iterate_phdr(3): behind the address. */
const NAME_AT = 8;

/**
 * The shared libraries that this process has loaded, and its loader, each by the absolute path by which the loader found it, dl_iterate_phdr(3). What the
 * program itself asked for comes before what was loaded later (modules of Node).
 */
export function loadedLibraries(): string[] {
  const paths: string[] = [];
  const each = koffi.pointer(koffi.proto('int', ['void *', 'size_t', 'void *']));
  const iterate = koffi.load(null).func('dl_iterate_phdr', 'int', [each, 'void *']);
  iterate((info: unknown) => {
    paths.push(koffi.decode(info, NAME_AT, 'char *') as string);
    return 0;
  }, null);
  // The program has no name, and the kernel's vDSO no path.
  return paths.filter((path) => path.startsWith('/'));
}
