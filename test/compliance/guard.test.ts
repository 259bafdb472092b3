import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';

/** Where implementations of ports are made and handed on. */
const ROOTS = [
  'src/app/gateway.ts', 'src/app/daemon.ts', 'src/xpmn/gateway/media-gateway.ts', 'src/xpmn/device/device.ts', 'src/xpmn/device/transports.ts',
  'src/xpmn/device/device-securities.ts', 'src/xpmn/device/channel-method.ts', 'src/xpmn/device/link-local-side.ts', 'src/xpmn/links/local-exchange.ts',
  'src/xpmn/gateway/shared-parts.ts', 'src/xpmn/gateway/local-side.ts', 'src/xpmn/gateway/media-side.ts', 'src/app/local-link.ts', 'src/app/newcomer.ts', 'src/app/pairing-call.ts', 'src/app/account-call.ts', 'src/app/srp.ts',
];

/** What the roots make that implements no port: everything else must pass its port's suite. */
const NO_PORT: Readonly<Record<string, string>> = {
  createJingleManager: 'the Jingle core itself; its table and plays are its tests',
  createTransports: 'the list of transports, which are guarded themselves',
  createLinkLocalDialer: 'one step of a link; tested with its listener, and in plays',
  createJingleDialer: 'one step of a link; tested with the links',
  createByteWays: 'steps of a link; tested with the links',
  createHostSource: 'a list of addresses',
  createAcceptor: 'the acceptance function with a look-up; tested with the links',
  createGateway: 'the composition root itself',
  createLogger: 'tested by what it writes',
  createControlServer: 'tested through its client',
};

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** A test and the rigs that it sets its implementation up with. */
function withRigs(path: string): string {
  const text = read(path);
  const rigs = [...text.matchAll(/from '\.\.\/(support\/[^']+)'/g)].map(([, rig]) => read(`test/${rig}`));
  return [text, ...rigs].join('\n');
}

describe('the guard of the compliance suites', () => {
  const tests = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.test.ts') && name !== 'guard.test.ts');
  const tested = tests.map((name) => withRigs(`test/compliance/${name}`)).join('\n');
  const made = new Set<string>();
  for (const root of ROOTS) {
    for (const [, names] of read(root).matchAll(/^import \{([^}]+)\} from/gm)) {
      for (const name of (names as string).split(',')) if (/^\s*(create[A-Z]\w*|\w+Storage|\w+Library)\s*$/.test(name)) made.add(name.trim());
    }
  }

  it('finds what is made', () => assert.ok(made.size >= 10, [...made].join()));

  for (const name of made) {
    if (Object.hasOwn(NO_PORT, name)) continue;
    it(`${name} passes a suite`, () => assert.ok(new RegExp(`\\b${name}\\b`).test(tested)));
  }
});
