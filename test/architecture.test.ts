import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LONGEST_FILE = 400;

/**
 * Which parts of the sources may import which: the longest matching prefix decides, on both sides. A part may always import
 * itself. `*` is everything below that prefix. Types count as imports.
 */
const KERNEL = ['xpmn/kernel'];
const PORTS = ['xpmn/kernel', 'xpmn/model', 'xpmn/ports'];
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  'app': ['*'],
  'mapping': ['xpmn/model'],
  'upnp': ['mapping', ...PORTS],
  'dbus': ['mapping', ...PORTS],
  'xpmn/kernel': [],
  'xpmn/model': KERNEL,
  'xpmn/ports': ['xpmn/kernel', 'xpmn/model'],
  'xpmn/xmpp': PORTS,
  'xpmn/jingle': [...PORTS, 'xpmn/xmpp'],
  'xpmn/jingle/transports': [...PORTS, 'xpmn/xmpp'],
  'xpmn/jingle/security': PORTS,
  'xpmn/jingle/applications': [...PORTS, 'xpmn/xmpp'],
  'xpmn/trust': PORTS,
  'xpmn/login': [...PORTS, 'xpmn/xmpp', 'xpmn/trust'],
  'xpmn/pairing': [...PORTS, 'xpmn/trust'],
  'xpmn/pubsub': [...PORTS, 'xpmn/xmpp'],
  'xpmn/profiles': [...PORTS, 'xpmn/xmpp', 'xpmn/pubsub', 'xpmn/trust'],
  'xpmn/media': [...PORTS, 'xpmn/profiles'],
  'xpmn/player': PORTS,
  'xpmn/links': [...PORTS, 'xpmn/xmpp', 'xpmn/trust', 'xpmn/jingle', 'xpmn/jingle/*'],
  'xpmn/serverless': [...PORTS, 'xpmn/xmpp', 'xpmn/jingle', 'xpmn/jingle/transports', 'xpmn/links'],
  'xpmn/device': ['xpmn/*'],
  'xpmn/gateway': ['xpmn/*'],
};
const PARTS = Object.keys(ARROWS).sort((a, b) => b.length - a.length);

function partOf(file: string): string {
  const part = PARTS.find((name) => file.startsWith(`${name}/`));
  assert.ok(part, `src/${file} lies in no part that test/architecture.test.ts knows`);
  return part;
}

function isAllowed(from: string, to: string): boolean {
  if (from === to) return true;
  // Nobody imports the application; and only what is wired above them imports the device and the gateway.
  const pattern = (ARROWS[from] as readonly string[]).find((name) => name === to || name === '*' || (name.endsWith('/*') && to.startsWith(name.slice(0, -1))));
  if (pattern === undefined || (to === 'app' && from !== 'app')) return false;
  return !(to === 'xpmn/gateway' && from !== 'app');
}

function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
    .sort();
}

const sources = filesUnder('src').filter((file) => file.endsWith('.ts')).map((file) => ({ file: file.slice('src/'.length), text: readFileSync(join(ROOT, file), 'utf8') }));

/** Code without its comments; strings stay. Good enough for what is looked for. */
function codeOf(text: string): string {
  return text.replace(/\/\*[^]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

function importsOf(text: string): string[] {
  return [...codeOf(text).matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] as string);
}

describe('architecture', () => {
  it('keeps to the arrows between the parts', () => {
    const wrong: string[] = [];
    for (const { file, text } of sources) {
      for (const target of importsOf(text).filter((name) => name.startsWith('.'))) {
        const path = normalize(join(dirname(file), target));
        if (path === '../config/gateway.default.json' && partOf(file) === 'app') continue;
        if (path.startsWith('..') || !isAllowed(partOf(file), partOf(path))) wrong.push(`${file} imports ${path}`);
        else if (!path.endsWith('.ts')) wrong.push(`${file} imports ${target} without its extension`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('has arrows that forbid what they are there for', () => {
    for (const [from, to] of [
      ['xpmn/trust', 'app'], ['xpmn/device', 'app'], ['xpmn/gateway', 'upnp'], ['xpmn/jingle', 'xpmn/jingle/security'], ['xpmn/jingle/security', 'xpmn/jingle'], ['xpmn/jingle/transports', 'xpmn/jingle/applications'],
      ['upnp', 'dbus'], ['dbus', 'upnp'], ['upnp', 'xpmn/trust'], ['mapping', 'xpmn/kernel'], ['mapping', 'upnp'], ['xpmn/xmpp', 'mapping'], ['xpmn/kernel', 'xpmn/model'], ['xpmn/device', 'xpmn/gateway'], ['xpmn/serverless', 'xpmn/trust'], ['xpmn/serverless', 'xpmn/jingle/security'], ['xpmn/links', 'xpmn/serverless'],
    ] as const) assert.ok(!isAllowed(from, to), `${from} -> ${to}`);
    for (const [from, to] of [['app', 'upnp'], ['xpmn/gateway', 'xpmn/device'], ['xpmn/gateway', 'xpmn/jingle/security']] as const) assert.ok(isAllowed(from, to), `${from} -> ${to}`);
  });

  it('keeps the mapping pure', () => {
    const wrong = sources.filter(({ file }) => file.startsWith('mapping/')).flatMap(({ file, text }) => importsOf(text).filter((name) => name.startsWith('node:')).map((name) => `${file} imports ${name}`));
    assert.deepEqual(wrong, []);
  });

  it('keeps the pubsub service free of stanzas', () => {
    const free = ['xpmn/pubsub/service.ts', 'xpmn/pubsub/item-source.ts', 'xpmn/pubsub/gathering.ts'];
    const allowed = /^\.\/(?:item-source|service|gathering)\.ts$|^\.\.\/kernel\/|^\.\.\/model\/(identity|jid)\.ts$/;
    const wrong = sources.filter(({ file }) => free.includes(file)).flatMap(({ file, text }) => importsOf(text).filter((name) => !allowed.test(name)).map((name) => `${file} imports ${name}`));
    assert.deepEqual(wrong, []);
  });

  it('takes time, chance and output by argument in the core', () => {
    const forbidden = /\bconsole\.|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\b(?:setTimeout|setInterval)\(|\bperformance\.now\b|\bAbortSignal\.timeout\b/;
    const wrong = sources.filter(({ file, text }) => file.startsWith('xpmn/') && file !== 'xpmn/kernel/system.ts' && forbidden.test(codeOf(text))).map(({ file }) => file);
    assert.deepEqual(wrong, []);
  });

  it('has no file that is too long', () => {
    const long = ['src', 'test', 'config'].flatMap(filesUnder).filter((file) => /\.(ts|mjs|cjs|js)$/.test(file) && readFileSync(join(ROOT, file), 'utf8').split('\n').length > LONGEST_FILE + 1);
    assert.deepEqual(long, []);
  });

  it('exports no defaults and has no barrels', () => {
    const wrong = sources.filter(({ file, text }) => /^export default\b/m.test(text) || /^export \*/m.test(text) || file.endsWith('/index.ts')).map(({ file }) => file);
    assert.deepEqual(wrong, []);
  });

  it('names no path of somebody\'s machine', () => {
    // Built from parts, so that this line is no finding itself.
    const foreign = new RegExp(['work', 'home/[a-z]', 'Users', 'root'].map((name) => `(?<![\\w.~$}-])/${name}/`).join('|'));
    const files = [...['src', 'test', 'config'].flatMap(filesUnder), ...readdirSync(ROOT).filter((name) => name.endsWith('.md') || name === 'package.json')];
    const wrong = files.filter((file) => foreign.test(readFileSync(join(ROOT, file), 'utf8')));
    assert.deepEqual(wrong, []);
  });
});

interface Spec {
  readonly id: string;
  readonly version: string;
  readonly title: string;
  readonly state: 'complete' | 'partial';
  readonly why: string;
}

describe('specifications', () => {
  const { specs } = JSON.parse(readFileSync(join(ROOT, 'config/specs.json'), 'utf8')) as { specs: readonly Spec[] };
  const citations = sources.flatMap(({ file, text }) => [...text.matchAll(/@spec\s+([^\n*]*)/g)].map((match) => ({ file, text: (match[1] as string).trim() })));

  it('are cited in one form: the id, its version where there is one, sections', () => {
    const wrong = citations.filter(({ text }) => !/^(RFC \d{4}|[A-Za-z][\w-]*)( v?[\w.]+)? §[A-Z\d]/.test(text));
    assert.deepEqual(wrong, []);
  });

  it('are known, in the version that is cited', () => {
    const key = ({ id, version }: Pick<Spec, 'id' | 'version'>): string => `${id} ${version}`.trim();
    const known = new Set(specs.map(key));
    const wrong = citations.filter(({ text }) => !known.has(text.slice(0, text.indexOf(' §'))));
    assert.deepEqual(wrong, [], 'config/specs.json does not have these');
    const cited = new Set(citations.map(({ text }) => text.slice(0, text.indexOf(' §'))));
    assert.deepEqual(specs.map(key).filter((name) => !cited.has(name)), [], 'config/specs.json has what no source cites');
  });

  it('are listed once, with a title, a state, and why where they are not complete', () => {
    for (const { id, title, state, why } of specs) {
      assert.ok(title !== '' && (state === 'complete' || (state === 'partial' && why !== '')), id);
    }
    const ids = specs.map(({ id, version }) => `${id} ${version}`);
    assert.deepEqual(ids, [...new Set(ids)]);
  });

  it('have a current table in the documents', () => {
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'config/specs-table.mjs'), '--check'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });
});
