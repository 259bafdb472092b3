import assert from 'node:assert/strict';
import fc from 'fast-check';
import { nowLine, nowText } from '../../../../src/app/cli/playing-text.ts';
import type { NamedView } from '../../../../src/app/control/operations.ts';
import { cutToWidth } from '../../../../src/app/text.ts';
import { parseJid } from '../../../../src/xpmn/model/jid.ts';
import { playbackStatus, playingItem } from '../../../fakes/fake-players.ts';

const HEARD = Date.UTC(2026, 0, 1);

function view(changes: Partial<NamedView> = {}): NamedView {
  return {
    device: parseJid('anna@example.org/living-aaaa'), name: 'Living room', revision: 1, reach: 'there', heard: HEARD, volume: 35, mute: false,
    status: playbackStatus({ controller: parseJid('anna@example.org/laptop-k3fq') }), item: playingItem('Nemo', { artist: 'Nightwish', album: 'Once' }), ...changes,
  };
}

describe('what plays, as text', () => {
  it('says what, where in it, and how loud', () => {
    assert.equal(nowText(view(), { now: HEARD, hasBar: false }), [
      'Nemo', 'Nightwish - Once', 'state       playing 1:02 / 4:36', 'list        2 of 12', 'volume      35', 'opened by   laptop-k3fq', 'device      Living room (living-aaaa)', '',
    ].join('\n'));
    assert.match(nowText(view({ opener: 'Laptop of Anna' }), { now: HEARD, hasBar: false }), /^opened by {3}Laptop of Anna$/m);
  });

  it('shows a bar that is as full as the item has passed', () => {
    const bar = (position: number, duration: number | undefined): string | undefined => /\[(.*)\]/.exec(nowText(view({ status: playbackStatus({ position, duration }) }), { now: HEARD, hasBar: true }))?.[1];
    assert.equal(bar(0, 100), '-'.repeat(20));
    assert.equal(bar(50, 100), `${'#'.repeat(10)}${'-'.repeat(10)}`);
    assert.equal(bar(100, 100), '#'.repeat(20));
    assert.equal(bar(120, 100), '#'.repeat(20));
    for (const duration of [0, undefined]) assert.equal(bar(5, duration), undefined);
  });

  it('leaves out what nobody knows', () => {
    const nothing = view({ item: undefined, volume: undefined, mute: undefined, status: playbackStatus({ state: 'idle', position: undefined, duration: undefined, index: undefined, count: undefined }) });
    assert.equal(nowText(nothing, { now: HEARD, hasBar: true }), 'state       idle\ndevice      Living room (living-aaaa)\n');
    assert.equal(nowLine(nothing, { now: HEARD, width: 79 }), 'idle');
    const live = view({ item: playingItem('Radio'), volume: undefined, mute: true, status: playbackStatus({ duration: undefined, index: 3, count: undefined }) });
    assert.equal(nowText(live, { now: HEARD, hasBar: true }), 'Radio\nstate       playing 1:02\nlist        title 4\nvolume      muted\ndevice      Living room (living-aaaa)\n');
    assert.match(nowText(view({ status: playbackStatus({ position: undefined }) }), { now: HEARD, hasBar: true }), /playing \? \/ 4:36\n/);
  });

  it('names another\'s device by all of its name, an item without title by its URI, and an error in words', () => {
    const uri = 'http://example.org/a.mp3';
    const text = nowText(view({ item: { ...playingItem(''), uri }, mute: true, status: playbackStatus({ state: 'error', error: 'unsupported-type', controller: parseJid('ben@example.org/phone-bbbb') }) }), { now: HEARD, hasBar: false });
    assert.match(text, /^http:\/\/example\.org\/a\.mp3\nstate {7}error \(it does not play media of this kind\) 1:02 [^]*volume {6}35, muted\nopened by {3}ben@example\.org\/phone-bbbb\n/);
  });

  it('says nothing of the item before, where its own is not told yet', () => {
    const [before, after] = ['xmpp:a@b/c?transfer;uid=1', 'xmpp:a@b/c?transfer;uid=2'];
    const item = { ...playingItem('Nemo', { artist: 'Nightwish' }), uri: before };
    assert.match(nowLine(view({ item, status: playbackStatus({ uri: before }) }), { now: HEARD }), / {2}Nightwish: Nemo$/);
    const changed = view({ item, status: playbackStatus({ uri: after }) });
    assert.match(nowLine(changed, { now: HEARD }), / {2}volume 35 {2}xmpp:a@b\/c\?transfer;uid=2$/);
    assert.match(nowText(changed, { now: HEARD, hasBar: false }), /^xmpp:a@b\/c\?transfer;uid=2\nstate /);
    assert.equal(nowLine(view({ status: playbackStatus({ state: 'idle', position: undefined, duration: undefined, index: undefined }) }), { now: HEARD }), 'idle  volume 35');
  });

  it('says that a device is lost', () => {
    assert.match(nowText(view({ reach: 'lost' }), { now: HEARD, hasBar: false }), /^Nemo\n[^]*device {6}Living room \(living-aaaa\) can't be reached now: this is the last that was known\n$/);
    assert.equal(nowLine(view({ reach: 'lost' }), { now: HEARD }), 'Living room can\'t be reached: waiting for it …');
    assert.equal(nowLine(view({ reach: 'connecting', status: undefined }), { now: HEARD }), 'Living room has not said anything yet …');
  });

  it('in one line has the title last, as much of it as there is room for', () => {
    assert.equal(nowLine(view(), { now: HEARD }), 'playing  1:02 / 4:36  2 of 12  volume 35  Nightwish: Nemo');
    assert.equal(nowLine(view(), { now: HEARD, width: 39 }), 'playing  1:02 / 4:36  2 of 12  volume …');
    assert.equal(nowLine(view(), { now: HEARD, width: 55 }), 'playing  1:02 / 4:36  2 of 12  volume 35  Nightwish: N…');
  });

  it('has a bar in one line where there is room for that, too', () => {
    const [long, short] = ['playing  1:02 / 4:36  [####----------------]  2 of 12  volume 35  Nightwish: Nemo', 'playing  1:02 / 4:36  2 of 12  volume 35  Nightwish: Nemo'];
    assert.equal(nowLine(view(), { now: HEARD, width: long.length }), long);
    assert.equal(nowLine(view(), { now: HEARD, width: long.length - 1 }), short);
  });

  it('shows no tricks of foreign names', () => {
    const evil = view({ item: playingItem('a\nb\u001b[2J', { artist: '\u202e', album: '\r' }), name: '\u0007' });
    for (const text of [nowText(evil, { now: HEARD, hasBar: true }), nowLine(evil, { now: HEARD, width: 200 }), nowLine({ ...evil, reach: 'lost' }, { now: HEARD })]) assert.ok(!/[\u0007\u001b\u202e\r]/.test(text), text);
    assert.equal(nowText(evil, { now: HEARD, hasBar: true }).split('\n').length, 8);
  });
});

describe('a line for a terminal', () => {
  it('is cut where it does not fit, by what a terminal needs for it', () => {
    assert.equal(cutToWidth('abc', 3), 'abc');
    assert.equal(cutToWidth('abcd', 3), 'ab…');
    assert.equal(cutToWidth('夜の歌', 6), '夜の歌');
    assert.equal(cutToWidth('夜の歌', 5), '夜の…');
    assert.equal(cutToWidth('夜の歌', 4), '夜…');
    assert.equal(cutToWidth('e\u0301e\u0301e\u0301', 3), 'e\u0301e\u0301e\u0301');
    assert.equal(cutToWidth('e\u0301e\u0301e\u0301', 2), 'e\u0301…');
  });

  it('is never longer than it may be', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', 'b', ' ') }), fc.integer({ min: 1, max: 30 }), (text, width) => {
      const cut = cutToWidth(text, width);
      assert.ok(cut.length <= width);
      assert.ok(cut === text || (cut.endsWith('…') && cut.length === width && text.startsWith(cut.slice(0, -1))));
    }));
  });
});
