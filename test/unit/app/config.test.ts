import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkConfig, defaultConfig, loadConfig } from '../../../src/app/config.ts';
import type { GatewayConfig } from '../../../src/app/config.ts';

type Schema = { readonly [key: string]: unknown; readonly $ref?: string; readonly properties?: Readonly<Record<string, Schema>>; readonly items?: Schema };
const schema = JSON.parse(readFileSync(new URL('../../../config/gateway.schema.json', import.meta.url), 'utf8')) as Schema & { definitions: Record<string, Schema> };

function resolved(node: Schema): Schema {
  return node.$ref === undefined ? node : (schema.definitions[node.$ref.replace('#/definitions/', '')] as Schema);
}

describe('configuration', () => {
  let directory: string;
  const load = async (text: string): Promise<GatewayConfig> => {
    const path = join(directory, 'config.json');
    await writeFile(path, text);
    return loadConfig(path, { mustExist: true });
  };
  const refused = (text: string, said: RegExp): Promise<void> => assert.rejects(load(text), { code: 'bad-configuration', message: said });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xpmn-config-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('is the shipped one where there is no file; one that was named must be there', async () => {
    assert.deepEqual(await loadConfig(join(directory, 'none.json'), { mustExist: false }), defaultConfig());
    await assert.rejects(loadConfig(join(directory, 'none.json'), { mustExist: true }), { code: 'bad-configuration', message: /none\.json can't be read/ });
  });

  it('puts the user\'s settings over the shipped ones, at any depth, and changes nothing else', async () => {
    const config = await load('{"$schema": "x", "mediaPort": {"port": 4711, "resume": {"attempts": 0}}, "upnp": {"ssdp": {"interfaces": ["eth0"]}}}');
    const expected = structuredClone(defaultConfig()) as { mediaPort: { port: number; resume: { attempts: number } }; upnp: { ssdp: { interfaces: string[] } } };
    expected.mediaPort.port = 4711;
    expected.mediaPort.resume.attempts = 0;
    expected.upnp.ssdp.interfaces = ['eth0'];
    assert.deepEqual(config, expected);
  });

  it('is frozen to the bottom', async () => {
    const config = await load('{}');
    assert.throws(() => Object.assign(config.mediaPort.resume, { attempts: 1 }), TypeError);
    assert.ok(Object.isFrozen(config.upnp.ssdp.interfaces));
  });

  it('refuses what it does not know or can\'t be, in one sentence that names the setting', async () => {
    await refused('{"medaPort": {}}', /config\.json: there is no setting `medaPort`\.$/);
    await refused('{"mediaPort": {"resume": {"tries": 1}}}', /there is no setting `mediaPort\.resume\.tries`\.$/);
    await refused('{"mediaPort": {"port": 70000}}', /`mediaPort\.port` must be <= 65535\.$/);
    await refused('{"mediaPort": {"port": "80"}}', /`mediaPort\.port` must be integer\.$/);
    await refused('{"log": {"level": "loud"}}', /`log\.level` must be equal to one of the allowed values: debug, info, warn, error\.$/);
    await refused('{"__proto__": {"port": 1}}', /there is no setting `__proto__`/);
    await refused('[]', /the file must be object/);
    await refused('{', /is not JSON/);
  });

  it('has a schema that knows every shipped setting', () => checkConfig(defaultConfig(), 'gateway.default.json'));

  it('has a schema that bounds every number and text and lets no unknown setting through', () => {
    const unbounded: string[] = [];
    const visit = (node: Schema, path: string): void => {
      const { type, properties, additionalProperties, minimum, maximum, maxLength, maxItems, items, oneOf, enum: choices } = resolved(node);
      const isBounded =
        type === 'object' ? additionalProperties === false
        : type === 'integer' || type === 'number' ? typeof minimum === 'number' && typeof maximum === 'number'
        : type === 'string' ? typeof maxLength === 'number'
        : type === 'array' ? typeof maxItems === 'number'
        : type === 'boolean' || choices !== undefined || oneOf !== undefined;
      if (!isBounded) unbounded.push(path);
      for (const [key, child] of Object.entries((properties ?? {}) as Record<string, Schema>)) visit(child, `${path}.${key}`);
      if (items) visit(items as Schema, `${path}[]`);
      for (const choice of (oneOf ?? []) as Schema[]) visit(choice, `${path}|`);
    };
    visit(schema, '');
    assert.deepEqual(unbounded, []);
  });

  it('has room for a list of files as long as one that may be opened', () => {
    const { playback: { uris }, player: { playlist }, feed: { shared }, control } = defaultConfig();
    assert.equal(playlist.items, uris);
    assert.ok(shared.items >= 2 * uris, 'also while another one is played');
    assert.ok(control.bodyBytes >= uris * JSON.stringify({ file: 'x'.repeat(512) }).length);
  });

  it('waits longer for what takes other things than for each of these', () => {
    const { player, mpris, playback } = defaultConfig();
    // The look before it, and the one after it.
    assert.ok(player.commandTimeout > mpris.player.startTimeout + 2 * mpris.player.positionTimeout, 'a title that can\'t be fetched is no player that does not answer');
    assert.ok(playback.answerTimeout > player.feedTimeout + 2 * player.commandTimeout, 'whoever opens something hears what came of it');
    assert.ok(playback.promptTimeout > player.commandTimeout, 'a device that does not answer its gateway is told of by that gateway');
  });

  it('has no setting in the schema that is not shipped', () => {
    const extra: string[] = [];
    const visit = (node: Schema, value: unknown, path: string): void => {
      for (const [key, child] of Object.entries(node.properties ?? {})) {
        const inside = (value as Record<string, unknown> | undefined)?.[key];
        if (inside === undefined && key !== '$schema') extra.push(`${path}.${key}`);
        visit(child, inside, `${path}.${key}`);
      }
    };
    visit(schema, defaultConfig(), '');
    assert.deepEqual(extra, []);
  });
});
