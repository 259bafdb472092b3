import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LibraryEntry } from '../../src/app/gateway-api.ts';
import { generateFilm, generateMedia } from '../peers/media.ts';
import { waitUntil } from '../peers/wait.ts';
import { XmppProbe } from '../peers/xmpp-probe.ts';
import { browseAll, fileOf, sha256 } from './support/crawl.ts';
import { heldAgain } from './support/held.ts';
import type { Machine } from './support/machine.ts';
import { HostileRouter } from './support/relay.ts';
import type { Attack } from './support/relay.ts';
import { Tunnel } from './support/tunnel.ts';
import { PASSWORD, World } from './support/world.ts';

/** Waiting for those who never answer, shortened: a test can't take the minutes that a bad line may. */
const IMPATIENT = {
  ibb: { ackTimeout: 4000, openTimeout: 4000 },
  jingle: { answerTimeout: 5000, acceptTimeout: 5000, transportTimeout: 8000, securityTimeout: 5000, openTimeout: 5000 },
  socks5: { connectTimeout: 1000, verdictTimeout: 2000 },
  transfer: { answerTimeout: 15_000 },
  directory: { answerTimeout: 15_000 },
};
/** Above what giving up takes, for whatever is done. */
const BOUND = 110_000;

/** Gets a file under attack: it comes as it is, or fails with a code in bounded time; no wrong byte is ever kept. */
async function getUnderAttack(machine: Machine, entry: LibraryEntry & { uri: string }, content: Buffer): Promise<{ done: boolean; said: string }> {
  const target = join(machine.folder, 'attacked');
  await rm(target, { force: true });
  await rm(`${target}.part`, { force: true });
  const { code, stderr } = await machine.xpmn(['get', entry.uri, '-o', target], { timeout: BOUND });
  assert.notEqual(code, null, `it hangs: ${stderr}`);
  const got = await readFile(code === 0 ? target : `${target}.part`).catch(() => Buffer.alloc(0));
  assert.ok(content.subarray(0, got.length).equals(got), 'wrong bytes were delivered');
  if (code === 0) assert.equal(got.length, content.length);
  else assert.match(stderr, /^xpmn: [a-z-]+: /m);
  return { done: code === 0, said: stderr };
}

describe('a server that attacks', function () {
  this.timeout(300_000);
  let world: World;
  let a: Machine;
  let b: Machine;
  let folder: string;
  let picture: LibraryEntry & { uri: string };
  let content: Buffer;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xpmn-hostile-'));
    await chmod(folder, 0o755);
    await attack('');
    const prosody = { modules: ['hostile'], extra: `hostile_file = "${join(folder, 'mode')}"` };
    world = await World.create({ homes: ['a', 'b'], hosts: 2, prosody });
    [, a] = await Promise.all([world.minidlna(), world.founder(world.host('a', 1), IMPATIENT)]);
    b = await world.join(a, world.host('b', 0), { config: IMPATIENT });
    const nas = await b.library();
    const path = 'pictures/verona.jpg';
    picture = (await browseAll(b, nas.id)).find((entry) => fileOf(entry) === path && entry.kind === 'item' && entry.uri !== undefined) as typeof picture;
    content = await readFile(join(world.media, path));
    assert.ok((await getUnderAttack(b, picture, content)).done);
  });

  after(async () => {
    await world?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const attack = (mode: string): Promise<void> => writeFile(join(folder, 'mode'), `${mode}\n`, { mode: 0o644 });

  async function recovers(): Promise<void> {
    await attack('');
    await b.library();
    await waitUntil('it works again', async () => (await getUnderAttack(b, picture, content)).done, { timeout: BOUND, interval: 500 });
    assert.ok(a.isAlive && b.isAlive);
  }

  for (const [mode, mustFail] of [['flip', true], ['drop', true], ['swap', true], ['fingerprint', true], ['no-security', true], ['replay', false], ['replay-old', false]] as const) {
    it(`gets nowhere with ${mode}`, async () => {
      // A new daemon has no sessions: everything from the first stanza on is under attack.
      await b.stop();
      await b.start();
      await b.online();
      await b.library();
      await attack(mode);
      const { done, said } = await getUnderAttack(b, picture, content);
      await world.prosody.process.said(new RegExp(`Attacking: ${mode}\\b`));
      if (mustFail) assert.ok(!done, said);
      await recovers();
    });
  }

  it('gets nowhere with a device, requests and lists of its own making', async () => {
    const before = (await b.devices()).map(({ jid }) => jid).sort();
    const tunnel = await Tunnel.open(world.network.xmpp.ns, world.prosody.host, world.prosody.port);
    const { domain, ca } = world.prosody;
    const probe = await XmppProbe.login({ domain, ca, host: '127.0.0.1', port: tunnel.port }, 'romeo', PASSWORD);
    try {
      const nas = await b.library();
      const ask = (id: string, to: string, type: string, payload: string): Promise<string> =>
        probe.ask(`<iq type='${type}' id='${id}' to='${to}'>${payload}</iq>`, new RegExp(`<iq [^>]*id='${id}'.*</iq>|<iq [^>]*id='${id}'[^>]*/>`));
      const refused = await ask('q', nas.jid, 'get', "<query xmlns='urn:xmpp:media:server:directory:0'><match attr='directory' value='root'/></query>");
      assert.match(refused, /type='error'/);
      assert.match(refused, /security-required|not-acceptable/);
      const stranger = `<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' initiator='${probe.jid}' sid='s1'><content creator='initiator' name='x'>` +
        "<description xmlns='urn:xmpp:jingle:apps:xmlstream:0'/><transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='4096' sid='i1'/></content></jingle>";
      await ask('j', nas.jid, 'set', stranger);
      const forged = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:xpmn:trust:0'><item id='devices'>" +
        "<signed xmlns='urn:xmpp:xpmn:trust:0'><key>AAAA</key><data>AAAA</data><signature key='00' method='RSA-SHA256'>AAAA</signature></signed></item></publish></pubsub>";
      await ask('p', `romeo@${domain}`, 'set', forged);
      await recovers();
      assert.deepEqual((await b.devices()).map(({ jid }) => jid).sort(), before);
    } finally {
      await probe.close();
      await tunnel.close();
    }
  });
});

describe('a router that attacks direct connections', function () {
  this.timeout(300_000);
  const PORT = 7171;
  let world: World;
  let a: Machine;
  let b: Machine;
  let router: HostileRouter;
  let film: LibraryEntry & { uri: string };
  let content: Buffer;
  let clean: () => Promise<void>;

  before(async () => {
    world = await World.create({ hosts: 2, media: async (directory) => [await generateMedia(directory), await generateFilm(directory, 3_000_000)] });
    // Here a direct connection can be made, and has to be: it is waited for longer than anybody stands still.
    const socks5 = { connectTimeout: 3000, verdictTimeout: 6000 };
    [, a] = await Promise.all([world.minidlna(), world.founder(world.host('a', 1), { ...IMPATIENT, socks5 })]);
    b = await world.join(a, world.network.out, { config: { ...IMPATIENT, socks5: { ...socks5, listener: { port: PORT } } } });
    router = await HostileRouter.take(world.network.home('a'), world.network.out, PORT);
    const nas = await b.library();
    film = (await browseAll(b, nas.id)).find(({ title }) => title === 'film') as typeof film;
    content = await readFile(join(world.media, 'film.ts'));
    assert.ok((await getUnderAttack(b, film, content)).done);
    assert.equal((await b.library()).reach, 'direct');
    clean = await heldAgain([a]);
  });

  after(async () => {
    await router?.close();
    await world?.close();
  });

  for (const what of ['flip', 'inject', 'lose', 'cut', 'impostor'] as const satisfies readonly Attack[]) {
    it(`gets nowhere with ${what}`, async () => {
      await b.stop();
      await router.attack(what);
      await b.start();
      await b.online();
      await b.library();
      await getUnderAttack(b, film, content);
      await waitUntil('something was attacked', () => router.times(what) > 0);
      assert.ok(a.isAlive && b.isAlive);
      await router.attack('pass');
      await waitUntil('it works again', async () => (await getUnderAttack(b, film, content)).done, { timeout: BOUND, interval: 500 });
    });
  }

  it('leaves nothing held', async () => {
    await b.stop();
    await b.start();
    await b.online();
    await b.library();
    assert.ok((await getUnderAttack(b, film, content)).done);
    assert.equal(sha256(await readFile(join(b.folder, 'attacked'))), sha256(content));
    await clean();
  });
});
