// Two code files of one program: the first runs while the second is read, and what both need is in the first alone.
import {relative} from 'node:path';
import {build} from 'esbuild';

const root = process.cwd();
const nameOf = (path) => relative(root, path);

/** The modules that get into a bundle. */
function modulesOf({metafile}) {
  const [output] = Object.values(metafile.outputs);
  return Object.keys(output.inputs).filter(
    (path) => output.inputs[path].bytesInOutput > 0 && path !== '<stdin>',
  );
}

const known = new Map();

/** What a module exports, by name, with what it passes on of others. Asked once for each. */
function exportsOf(path) {
  if (!known.has(path)) known.set(path, findExports(path));
  return known.get(path);
}

async function findExports(path) {
  const {metafile} = await build({
    entryPoints: [path],
    ...{bundle: true, platform: 'node', format: 'esm', external: ['koffi']},
    ...{write: false, metafile: true, outdir: '.', logLevel: 'silent'},
  });
  return Object.values(metafile.outputs)[0].exports;
}

/**
 * Builds the first: what its entry exports, and `shared`, which gives what its modules export, by their paths.
 * @returns the paths of its modules
 */
export async function buildFirst({entry, outfile, ...options}) {
  const trial = await build({...options, entryPoints: [entry], write: false, metafile: true});
  let modules = modulesOf(trial);
  for (;;) {
    const contents = [`export * from './${entry}';`, ...(await sharing(modules))].join('\n');
    const stdin = {contents, resolveDir: root, sourcefile: '<stdin>'};
    const built = await build({...options, stdin, outfile, metafile: true});
    // All of a module may need others than the part that the entry needs.
    const all = modulesOf(built);
    if (all.length === modules.length) return all;
    modules = all;
  }
}

/** A function that gathers all that modules export, so that nothing is gathered before it is asked for. */
async function sharing(modules) {
  const lines = [];
  const gathered = [];
  for (const [index, path] of modules.entries()) {
    const names = await exportsOf(path);
    const local = (name) => `${name}_${index}`;
    lines.push(`import {${names.map((name) => `${name} as ${local(name)}`).join(', ')}} from './${path}';`);
    const pairs = names.map((name) => `${JSON.stringify(name)}: ${local(name)}`);
    gathered.push(`${JSON.stringify(path)}: {${pairs.join(', ')}}`);
  }
  return [...lines, `export const shared = () => ({${gathered.join(', ')}});`];
}

/** For the second: takes these modules from `shared`. */
export function takeShared(modules) {
  const known = new Set(modules);
  return {
    name: 'shared',
    setup(builder) {
      builder.onLoad({filter: /\.(ts|m?js)$/}, async ({path}) => {
        const name = nameOf(path);
        if (!known.has(name)) return undefined;
        const names = await exportsOf(name);
        const lines = names.map((each, index) => `const e${index} = m[${JSON.stringify(each)}];`);
        const list = names.map((each, index) => `e${index} as ${each}`);
        return {
          contents: `const m = shared[${JSON.stringify(name)}];\n${lines.join('\n')}\nexport {${list.join(', ')}};`,
          loader: 'js',
        };
      });
    },
  };
}
