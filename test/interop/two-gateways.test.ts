import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { startProsody } from '../peers/prosody.ts';
import type { Prosody } from '../peers/prosody.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';

const never = new AbortController().signal;
const TITLE = 'Die Lerche & die Nachtigall <geheim>';

describe('two gateways of one owner through Prosody', function () {
  this.timeout(60_000);
  const library = new MemoryLibrary();
  const film = randomBytes(8_000_001);
  let prosody: Prosody;
  let home: MediaGateway;
  let away: MediaGateway;
  let nas: Jid;
  let certificates: string[];

  before(async () => {
    prosody = await startProsody({ users: { romeo: 'secret' }, trace: true });
    const account: TestAccount = { jid: `romeo@${prosody.domain}`, password: 'secret', host: prosody.host, port: prosody.port, ca: prosody.ca };
    library.addItem('film', TITLE, film);
    for (let i = 0; i < 300; i += 1) library.addItem(`song-${i}`, `Lied ${i} geheim`, randomBytes(2000));
    const devices = new MemoryDevices();
    const network = await firstNetwork(account);
    home = testGateway(network, account, { sources: [devices] });
    const other = await nextNetwork(network, 'away');
    away = testGateway(other, account);
    certificates = [network, other].map(({ gateway }) => gateway.certificate.der.toString('base64'));
    await home.start({ signal: never });
    await away.start({ signal: never });
    devices.appear({ description: { id: 'uuid:nas', name: 'The NAS', kind: 'media-server' }, library });
    await waitUntil('the NAS is there', () => away.devices().some(({ services }) => services.includes('directory')));
    nas = away.devices().find(({ services }) => services.includes('directory'))?.jid as Jid;
  });

  after(async () => {
    await away?.stop();
    await home?.stop();
    await prosody?.stop();
  });

  it('finds the other gateway and its device, trusted by the lists', () => {
    const found = away.devices();
    assert.deepEqual(found.map(({ trust }) => trust).sort(), ['own', 'own', 'own-hosted']);
    assert.equal(found.find(({ jid }) => jid === nas)?.name, 'The NAS');
  });

  it('lays the certificates of both beside the lists, signed, for foreign readers', async () => {
    const isSigned = (handled: string, certificate: string): boolean => handled.includes(`${certificate}</x509cert><signature>`);
    await waitUntil('both are there', async () => {
      const handled = await prosody.handled();
      return certificates.every((certificate) => isSigned(handled, certificate));
    });
  });

  it('lists the library end to end', async () => {
    const titles: string[] = [];
    while (titles.length < 301) {
      const page = await away.browse(nas, { container: 'root', offset: titles.length, limit: 200 }, never);
      titles.push(...page.children.map(({ title }) => title));
    }
    assert.equal(titles[0], TITLE);
    assert.equal(titles.length, 301);
  });

  it('carries the film over a direct stream', async () => {
    const { url } = await away.url({ device: nas, uid: 'film' }, { signal: never });
    const got = Buffer.from(await (await fetch(url)).arrayBuffer());
    assert.equal(sha(got), sha(film));
    assert.equal(away.devices().find(({ jid }) => jid === nas)?.path, 'direct');
  });

  it('told the server nothing: no title, no byte of the media', async () => {
    const handled = await prosody.handled();
    assert.ok(handled.includes('session-initiate'));
    for (const secret of [TITLE, 'Nachtigall', 'geheim', 'Lied 1']) assert.ok(!handled.includes(secret), secret);
    const undone = [...handled.matchAll(/[A-Za-z0-9+/=]{40,}/g)].map(([text]) => Buffer.from(text, 'base64'));
    for (const bytes of undone) {
      assert.ok(!bytes.includes('geheim'));
      assert.ok(!bytes.includes(film.subarray(0, 32)));
    }
  });
});

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
