import assert from 'node:assert/strict';
import { fetchPicture } from '../../../src/upnp/renderer-picture.ts';
import type { Answer, Received } from '../../compliance/requester.suite.ts';
import { FakeRequester } from '../../fakes/fake-requester.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { PICTURE_TYPES, didlWithArt, somePicture } from '../../support/pictures.ts';
import { rendererRig } from '../../support/renderer-rig.ts';
import { settings } from '../../support/settings.ts';

const MOST = 5_000;
const OWN = '192.0.2.7';
const LISTED = '192.0.2.8';
const { signal } = new AbortController();

describe('the picture that a renderer names', () => {
  const asked: string[] = [];
  const fetchFrom = (address: string, answer: (received: Received) => Answer): ReturnType<typeof fetchPicture> => {
    const requester = new FakeRequester(new FakeClock(), settings.upnp.requester, (received) => {
      asked.push(`${received.headers.host}${received.path}`);
      return answer(received);
    });
    return fetchPicture(requester, address, { endpoint: { controlUrl: new URL(`http://${OWN}:8080/AVTransport/ctl`), scope: undefined }, allowedHosts: [OWN, LISTED], limit: MOST, signal });
  };
  beforeEach(() => void asked.splice(0));

  it('is fetched from the device, or a host that the owner has listed', async () => {
    for (const type of PICTURE_TYPES) {
      const picture = somePicture(type, MOST);
      assert.deepEqual(await fetchFrom('/getaa?u=1', () => ({ body: picture.bytes })), picture);
    }
    for (const address of [`http://${OWN}:1400/a.jpg`, `http://${LISTED}/a.jpg`]) await fetchFrom(address, () => ({ body: somePicture().bytes }));
    assert.deepEqual(asked.slice(-3), [`${OWN}:8080/getaa?u=1`, `${OWN}:1400/a.jpg`, `${LISTED}/a.jpg`]);
  });

  it('is fetched from nowhere else, whatever the device says', async () => {
    const elsewhere = ['http://192.0.2.9/a.jpg', '//192.0.2.9/a.jpg', 'http://localhost/a.jpg', 'http://127.0.0.1/a.jpg', 'https://192.0.2.7/a.jpg', 'file:///etc/hostname', 'data:image/png;base64,AA', 'ftp://192.0.2.7/a.jpg', 'http://me:secret@192.0.2.7/a.jpg'];
    for (const address of elsewhere) await assert.rejects(fetchFrom(address, () => ({ body: somePicture().bytes })), { code: 'not-allowed' }, address);
    assert.deepEqual(asked, []);
    await assert.rejects(fetchFrom('/a.jpg', () => ({ status: 302, headers: { location: 'http://192.0.2.9/secrets' } })), { code: 'not-allowed' });
    assert.deepEqual(asked, [`${OWN}:8080/a.jpg`]);
  });

  it('is none if it is something else, or too much', async () => {
    for (const [answer, code] of [
      [{ status: 404 }, 'not-found'], [{ status: 500, body: somePicture().bytes }, 'not-found'], [{ body: '<html>' }, 'unsupported-type'], [{ body: '' }, 'unsupported-type'],
      [{ body: somePicture('image/png', MOST + 1).bytes }, 'too-large'],
    ] as const) await assert.rejects(fetchFrom('/a.jpg', () => answer), { code });
    await assert.rejects(fetchFrom('http://', () => ({})), { code: 'not-found' });
  });

  it('shows in what is told of the player by a name alone', async () => {
    const { device, player, clock } = await rendererRig();
    device.hand.playWith(didlWithArt('http://192.0.2.9/secret.jpg'), 'http://192.0.2.9/1.mp3');
    await clock.advance(500);
    await settle();
    const { media } = player.snapshot;
    assert.doesNotMatch(JSON.stringify(player.snapshot), /secret/);
    await assert.rejects(player.picture(media?.picture ?? '', { signal }), { code: 'not-allowed' });
    device.stopAll();
    await player.close();
  });
});
