import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { PLAIN_PROFILE } from '../../../src/xpmn/ports/player-feed.ts';
import { MediaPort } from '../../../src/xpmn/media/media-port.ts';
import type { FeedProfile } from '../../../src/xpmn/ports/player-feed.ts';
import { FakeRemote } from '../../fakes/fake-remote.ts';
import { RawPlayer } from '../../support/raw-player.ts';
import { settings } from '../../support/settings.ts';

const reference = { device: parseJid('romeo@home.test/nas-abcd'), uid: 'film-1' };
const options = { ...settings.mediaPort, resume: { ...settings.mediaPort.resume, attempts: 1, firstDelay: 1, maxDelay: 2 } };
const never = new AbortController().signal;
const content = randomBytes(1_000_003);
const size = content.length;
const FEATURES = 'DLNA.ORG_OP=01;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=01700000000000000000000000000000';

/** Players of the LAN are at 192.0.2.x; 127.0.0.2 is how they are reached. */
describe('media port, for players of all kinds', () => {
  let remote: FakeRemote;
  let port: MediaPort;
  let players: RawPlayer[];

  beforeEach(async () => {
    remote = new FakeRemote(content);
    players = [];
    port = open();
    await port.start();
  });
  afterEach(async () => {
    for (const player of players) player.leave();
    await port.stop();
  });

  function open(more: Partial<typeof options> = {}): MediaPort {
    return new MediaPort({ clock: systemClock, random: systemRandom, log: silentLogger, openItem: (_item, request) => remote.open(request), findRoute: (remote) => Promise.resolve({ local: '127.0.0.2', remote }) }, { ...options, ...more });
  }

  async function issue(profile: Partial<FeedProfile> = {}, where: 'here' | 'on the LAN' = 'on the LAN'): Promise<URL> {
    const address = where === 'here' ? undefined : '192.0.2.9';
    const { url } = await port.issue(reference, { target: { address, profile: { ...PLAIN_PROFILE, ...profile } }, signal: never });
    return new URL(url);
  }

  function player(url: URL): RawPlayer {
    const made = new RawPlayer(url);
    players.push(made);
    return made;
  }

  const places: readonly (readonly [string, number, number, number] | readonly [string, 416])[] = [
    ['', 200, 0, size - 1], ['bytes=0-', 206, 0, size - 1], ['bytes=1000-1999', 206, 1000, 1999], ['bytes=-500', 206, size - 500, size - 1], ['bytes=999999-', 206, 999_999, size - 1], ['bytes=1000003-', 416],
  ];
  for (const length of ['exact', 'chunked', 'close'] as const) {
    for (const version of ['1.1', '1.0']) {
      describe(`length ${length}, HTTP/${version}`, () => {
        for (const [range, status, from = 0, to = 0] of places) {
          for (const method of ['GET', 'HEAD']) {
            it(`${method} ${range === '' ? 'of all' : range}`, async () => {
              const url = await issue({ length });
              const one = player(url);
              one.say(`${method} ${url.pathname} HTTP/${version}`, `host: ${url.host}`, 'User-Agent: souphttpsrc', ...(range === '' ? [] : [`RANGE: ${range}`]), 'getContentFeatures.DLNA.ORG: 1');
              const { status: got, headers, body, isComplete } = await one.answer({ isHead: method === 'HEAD' });
              const isWhole = range === '' || method === 'HEAD';
              assert.equal(got, method === 'HEAD' ? 200 : status);
              assert.ok(isComplete);
              if (got === 416) {
                assert.equal(headers.get('Content-Range'), `bytes */${size}`);
                return;
              }
              const told = isWhole ? size : to - from + 1;
              assert.equal(headers.get('Content-Length'), isWhole && length !== 'exact' ? undefined : String(told));
              assert.equal(headers.get('Content-Range'), isWhole ? undefined : `bytes ${from}-${to}/${size}`);
              assert.equal(headers.get('contentFeatures.dlna.org'), FEATURES);
              assert.equal(headers.get('transferMode.dlna.org'), 'Streaming');
              if (method === 'GET') assert.ok(body.equals(content.subarray(from, to + 1)));
              const isChunked = isWhole && length === 'chunked' && version === '1.1' && method === 'GET';
              assert.equal(headers.get('Transfer-Encoding'), isChunked ? 'chunked' : undefined);
            });
          }
        }

        it('a storm of seeks on one connection after another, and many at once', async () => {
          const url = await issue({ length });
          await Promise.all(Array.from({ length: 24 }, async (_, i) => {
            const from = (i * 41_413) % size;
            const to = i % 3 === 0 ? size - 1 : Math.min(size - 1, from + 20_000);
            const one = player(url);
            one.say(`GET ${url.pathname} HTTP/${version}`, `Host: ${url.host}`, `Range: bytes=${from}-${i % 3 === 0 ? '' : to}`);
            if (i % 4 === 1) one.leave();
            else assert.ok((await one.answer()).body.equals(content.subarray(from, to + 1)), `${from}-${to}`);
          }));
          const one = player(url);
          one.say(`GET ${url.pathname} HTTP/${version}`, `Host: ${url.host}`);
          assert.ok((await one.answer()).body.equals(content), 'nothing is left in the way');
        });

        it('a player that stalls, and goes on', async () => {
          remote.content = randomBytes(12_000_000);
          const url = await issue({ length });
          const one = player(url);
          one.socket.pause();
          one.say(`GET ${url.pathname} HTTP/${version}`, `Host: ${url.host}`);
          const other = player(url);
          other.say(`GET ${url.pathname} HTTP/${version}`, `Host: ${url.host}`, 'Range: bytes=11000000-11000999');
          assert.ok((await other.answer()).body.equals(remote.content.subarray(11_000_000, 11_001_000)), 'the stalled one is in nobody\'s way');
          one.socket.resume();
          assert.ok((await one.answer()).body.equals(remote.content));
          assert.ok(remote.mostUnconsumed <= remote.window + 16_384);
        });

        it('a break is no end', async () => {
          remote.breakAfter = { bytes: 300_000, error: new XpmnError('origin-broken', 'Broken.') };
          const url = await issue({ length });
          const one = player(url);
          one.say(`GET ${url.pathname} HTTP/${version}`, `Host: ${url.host}`);
          const { isComplete, body } = await one.answer();
          assert.equal(isComplete, false);
          assert.ok(body.equals(content.subarray(0, body.length)));
        });
      });
    }
  }

  it('keeps a connection where the player can do with that, and only there', async () => {
    for (const keepAlive of [true, false]) {
      const url = await issue({ keepAlive });
      const one = player(url);
      for (let i = 0; i < 2 && one.isOpen; i += 1) {
        one.say(`GET ${url.pathname} HTTP/1.1`, `Host: ${url.host}`, 'Range: bytes=0-9');
        const { headers } = await one.answer();
        assert.equal(headers.get('Connection'), keepAlive ? 'keep-alive' : 'close');
        if (!keepAlive) await one.closed();
      }
    }
  });

  it('calls types as the player does, in the answer, the name and the description', async () => {
    const profile = { ...PLAIN_PROFILE, mimeTypes: { 'video/mp4': 'video/x-msvideo' }, dlnaAlways: true };
    const issued = await port.issue(reference, { target: { address: undefined, profile }, signal: never });
    const url = new URL(issued.url);
    assert.match(url.pathname, /\.avi$/);
    assert.deepEqual([issued.mimeType, issued.entity.type, issued.contentFeatures], ['video/x-msvideo', 'video/mp4', FEATURES]);
    const one = player(url);
    one.say(`HEAD ${url.pathname} HTTP/1.0`);
    const { headers } = await one.answer({ isHead: true });
    assert.deepEqual(['Content-Type', 'contentFeatures.dlna.org', 'transferMode.dlna.org'].map((name) => headers.get(name)), ['video/x-msvideo', FEATURES, 'Streaming']);
  });

  it('says nothing of DLNA to who does not ask', async () => {
    const url = await issue();
    const one = player(url);
    one.say(`GET ${url.pathname} HTTP/1.1`, `Host: ${url.host}`);
    assert.deepEqual([...(await one.answer()).headers.keys()].filter((name) => /dlna/i.test(name)), []);
  });

  it('answers 406 to a place by time, unless one by bytes is there, too', async () => {
    const url = await issue();
    const one = player(url);
    for (const method of ['GET', 'HEAD']) {
      one.say(`${method} ${url.pathname} HTTP/1.1`, `Host: ${url.host}`, 'TimeSeekRange.dlna.org: npt=10.0-');
      assert.equal((await one.answer({ isHead: method === 'HEAD' })).status, 406);
    }
    one.say(`GET ${url.pathname} HTTP/1.1`, `Host: ${url.host}`, 'TimeSeekRange.dlna.org: npt=10.0-', 'Range: bytes=5-9');
    assert.equal((await one.answer()).status, 206);
  });

  it('answers to addresses only, never to a name', async () => {
    const url = await issue();
    for (const [host, status] of [['evil.example', 403], [`evil.example:${url.port}`, 403], ['10.0.0.1', 200], [`localhost:${url.port}`, 200], ['', 200]] as const) {
      const one = player(url);
      one.say(`HEAD ${url.pathname} HTTP/1.1`, `Host: ${host}`);
      assert.equal((await one.answer({ isHead: true })).status, status, host);
    }
    const one = player(url);
    one.say(`HEAD ${url.pathname} HTTP/1.1`);
    assert.equal((await one.answer({ isHead: true })).status, 200, 'none at all');
  });

  it('has a door of its own for the LAN, at which nothing else is to be had', async () => {
    const [inside, outside] = [await issue({}, 'here'), await issue()];
    assert.deepEqual([inside.hostname, outside.hostname], ['127.0.0.1', '127.0.0.2']);
    for (const [url, host, status] of [[inside, inside.host, 200], [outside, outside.host, 200], [inside, outside.host, 404], [outside, inside.host, 404]] as const) {
      const one = player(new URL(`http://${host}`));
      one.say(`HEAD ${url.pathname} HTTP/1.1`, `Host: ${host}`);
      assert.equal((await one.answer({ isHead: true })).status, status);
    }
  });

  it('lets no other machine have all connections of its door, and this one all of its own', async () => {
    await port.stop();
    port = open({ requests: 1 });
    await port.start();
    const places = [['on the LAN', 1], ['here', 2]] as const;
    for (const [where, connections] of places) {
      const url = await issue({}, where);
      for (let i = 0; i < connections; i += 1) {
        const one = player(url);
        one.say(`HEAD ${url.pathname} HTTP/1.1`, `Host: ${url.host}`);
        assert.equal((await one.answer({ isHead: true })).status, 200);
      }
      await player(url).closed();
    }
  });

  it('leaves nothing open when it is stopped', async () => {
    const url = await issue();
    const one = player(url);
    one.socket.pause();
    one.say(`GET ${url.pathname} HTTP/1.1`, `Host: ${url.host}`);
    await port.stop();
    one.socket.resume();
    await one.closed();
    const late = player(url);
    await late.closed();
    await assert.rejects(port.issue(reference, { signal: never }), { code: 'not-running' });
  });
});
