// Builds the program: the sources and the packages they use, in few files. A thousand modules that are loaded one by one take
// twice the time at the start, and 8 MiB for ever.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = new URL('..', import.meta.url);
const OUT = fileURLToPath(new URL('dist/', ROOT));

rmSync(OUT, { recursive: true, force: true });
await build({
  absWorkingDir: fileURLToPath(ROOT),
  // All in one folder, as far below the root as the sources that look for what is in config.
  outdir: OUT,
  entryPoints: [
    { in: 'src/app/main.ts', out: 'app/main' },
    // A process of its own, which starts beside what starts it.
    { in: 'src/xpmn/jingle/security/srp/srp-process.ts', out: 'app/srp-process' },
    // The tests of the built program load it.
    { in: 'src/app/srp.ts', out: 'app/srp' },
  ],
  chunkNames: 'app/[name]-[hash]',
  bundle: true,
  // The text of what is loaded stays in memory. Names are kept, for the stacks of errors.
  minifyWhitespace: true,
  lineLimit: 160,
  // What only one command needs, or only the daemon, is loaded there.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // It finds its machine code beside itself.
  external: ['koffi'],
  // The packages are CommonJS and require what node has.
  banner: { js: "import bannerModule from 'node:module';\nconst require = bannerModule.createRequire(import.meta.url);" },
  sourcemap: true,
  logLevel: 'warning',
});
