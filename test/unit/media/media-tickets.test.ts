import assert from 'node:assert/strict';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { MediaReference } from '../../../src/xpmn/model/media-uri.ts';
import { PLAIN_PROFILE } from '../../../src/xpmn/ports/player-feed.ts';
import { MediaTickets, extensionFor } from '../../../src/xpmn/media/media-tickets.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const { lifetime } = settings.mediaPort;
const item = (uid: string, device = 'romeo@home.test/nas'): MediaReference => ({ device: parseJid(device), uid });

describe('media tickets', () => {
  let clock: FakeClock;
  let tickets: MediaTickets;
  beforeEach(() => {
    clock = new FakeClock();
    tickets = new MediaTickets({ clock, random: new FakeRandom() }, { lifetime, tickets: 3 });
  });

  it('stand for one item, under a path that can\'t be guessed', () => {
    const ticket = tickets.issue(item('a'), 'video/mp4');
    assert.match(ticket.path, /^\/m\/[A-Za-z0-9_-]{22}\/media\.mp4$/);
    assert.deepEqual(tickets.atPath(ticket.path)?.reference, item('a'));
    assert.equal(tickets.issue(item('a'), 'video/mp4').path, ticket.path);
    assert.notEqual(tickets.issue(item('b'), 'video/mp4').path, ticket.path);
  });

  it('are found under exactly that path', () => {
    const { path } = tickets.issue(item('a'), 'video/mp4');
    const token = path.split('/')[2] as string;
    for (const wrong of ['', '/', `${path}/`, `${path}?x`, `${path}x`, path.replace('mp4', 'mkv'), path.toUpperCase(), `//m/${token}/media.mp4`, `/m/${token}`, `/m/${token}/`, `/m/${token}/../media.mp4`,
      `http://localhost${path}`, path.replace('/m/', '/M/'), `/m/${token.slice(0, -1)}/media.mp4`, '/m/__proto__/media.mp4']) {
      assert.equal(tickets.atPath(wrong), undefined, wrong);
    }
  });

  it('outlive a clock that is put right', () => {
    let offset = 0;
    const moved = { now: () => clock.now() + offset, monotonic: () => clock.monotonic(), after: clock.after.bind(clock) };
    const issued = new MediaTickets({ clock: moved, random: new FakeRandom() }, { lifetime, tickets: 3 });
    const { path } = issued.issue(item('a'), 'video/mp4');
    offset = 2 * lifetime;
    assert.ok(issued.atPath(path));
    assert.equal(issued.expiry, clock.now() + offset + lifetime);
  });

  it('tell items apart, whatever their names are made of', () => {
    const one = tickets.issue(item('a b@c/d', 'e@f/g'), 'x');
    const other = tickets.issue(item('a', 'b@c/d e@f/g'), 'x');
    assert.notEqual(one.path, other.path);
  });

  it('end some time after their last use', async () => {
    const { path } = tickets.issue(item('a'), 'x');
    assert.equal(tickets.expiry, clock.now() + lifetime);
    for (let i = 0; i < 3; i += 1) {
      await clock.advance(lifetime);
      assert.ok(tickets.atPath(path), 'use prolongs it');
    }
    await clock.advance(lifetime + 1);
    assert.equal(tickets.atPath(path), undefined);
    assert.notEqual(tickets.issue(item('a'), 'x').path, path);
  });

  it('are so many at most: the one unused for longest goes, and comes back under another path', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((uid) => tickets.issue(item(uid), 'x').path) as [string, string, string];
    assert.ok(tickets.atPath(a));
    assert.equal(tickets.issue(item('c'), 'x').path, c);
    const d = tickets.issue(item('d'), 'x').path;
    assert.equal(tickets.atPath(b), undefined);
    for (const path of [a, c, d]) assert.ok(tickets.atPath(path));
    const again = tickets.issue(item('b'), 'x').path;
    assert.notEqual(again, b);
    assert.equal(tickets.atPath(a), undefined);
    assert.ok(tickets.atPath(again));
  });

  it('are others for players of another kind, and at another door', () => {
    const profile = { ...PLAIN_PROFILE, mimeTypes: { 'video/x-matroska': 'video/avi' } };
    const plain = tickets.issue(item('a'), 'video/x-matroska');
    const renamed = tickets.issue(item('a'), 'video/x-matroska', { profile, door: '192.0.2.1' });
    assert.notEqual(renamed.path, plain.path);
    assert.ok(plain.path.endsWith('.mkv') && renamed.path.endsWith('.avi'));
    assert.equal(tickets.issue(item('a'), 'video/x-matroska', { profile: { ...profile }, door: '192.0.2.1' }).path, renamed.path);
    assert.notEqual(tickets.issue(item('a'), 'video/x-matroska', { profile, door: '192.0.2.2' }).path, renamed.path);
    assert.equal(tickets.atPath(renamed.path), undefined);
    assert.equal(tickets.atPath(renamed.path, '192.0.2.2'), undefined);
    assert.equal(tickets.atPath(plain.path, '192.0.2.1'), undefined);
    assert.equal(tickets.atPath(renamed.path, '192.0.2.1'), renamed);
  });

  it('live as long as a request is in progress, and then as if just used', async () => {
    const door = '192.0.2.1';
    const ticket = tickets.issue(item('a'), 'x', { door });
    const release = tickets.hold(ticket);
    await clock.advance(3 * lifetime);
    assert.ok(tickets.isOpen(door));
    assert.ok(tickets.atPath(ticket.path, door));
    for (const uid of ['b', 'c', 'd', 'e']) tickets.issue(item(uid), 'x');
    release();
    await clock.advance(lifetime);
    assert.ok(tickets.isOpen(door));
    assert.equal(tickets.isOpen('192.0.2.2'), false);
    await clock.advance(1);
    assert.equal(tickets.isOpen(door), false);
    assert.equal(tickets.atPath(ticket.path, door), undefined);
  });

  it('end in an extension, whatever the type', () => {
    assert.equal(extensionFor('video/mp4'), 'mp4');
    for (const type of ['', 'x/y', 'constructor', '__proto__', 'toString']) assert.equal(extensionFor(type), 'bin', type);
  });
});
