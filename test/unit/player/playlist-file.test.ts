import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { isPlayableUri } from '../../../src/xpmn/player/playlist-entry.ts';
import { parsePlaylist, playlistFormat } from '../../../src/xpmn/player/playlist-file.ts';
import type { PlaylistFormat } from '../../../src/xpmn/player/playlist-file.ts';
import { ownTime } from '../../support/own-time.ts';

const LIMITS = { items: 100, uriLength: 200, textLength: 40, xml: { depth: 8, bytes: 65_536, nodes: 10_000 } };
const BASE = 'http://radio.example/lists/all.m3u';
const XMPP = 'xmpp:romeo@montague.lit/nas?transfer;uid=7';
const uris = (format: PlaylistFormat, text: string, base = BASE): string[] => (parsePlaylist(format, text, base, LIMITS) ?? []).map(({ uri }) => uri);

describe('playlist files', () => {
  it('are known by their type, and by their name where the type says nothing', () => {
    assert.equal(playlistFormat('audio/x-mpegurl; charset=utf-8', []), 'm3u');
    assert.equal(playlistFormat('Application/VND.apple.mpegurl', []), 'm3u');
    assert.equal(playlistFormat('audio/x-scpls', []), 'pls');
    assert.equal(playlistFormat('application/xspf+xml', []), 'xspf');
    assert.equal(playlistFormat('text/plain', ['http://a.example/x.PLS?y=1#z']), 'pls');
    assert.equal(playlistFormat('application/octet-stream', [undefined, 'list.m3u8']), 'm3u');
    assert.equal(playlistFormat('audio/mpeg', ['http://a.example/x.m3u']), undefined);
    assert.equal(playlistFormat('', ['http://a.example/x.mp3', 'constructor']), undefined);
  });

  it('m3u: plain, with BOM, CRLF, comments and blank lines', () => {
    assert.deepEqual(uris('m3u', '\ufeffa.mp3\r\n\r\n# a comment\r\n  ../b.mp3  \rhttps://c.example/d?e\n/f.mp3'), [
      'http://radio.example/lists/a.mp3', 'http://radio.example/b.mp3', 'https://c.example/d?e', 'http://radio.example/f.mp3',
    ]);
  });

  it('m3u: extended, with titles that have commas, attributes, or are missing', () => {
    const text = '#EXTM3U\n#EXTINF:123,Romeo, and Juliet\na\n#EXTINF:-1 logo="x,y",Live\nb\n#EXTINF:5\nc\nd\n#EXTINF:1,5" single\ne';
    assert.deepEqual(parsePlaylist('m3u', text, BASE, LIMITS)?.map(({ title, duration }) => [title, duration]), [
      ['Romeo, and Juliet', 123], ['Live', undefined], [undefined, 5], [undefined, undefined], ['5" single', 1],
    ]);
  });

  it('m3u: an HLS list is refused: its pieces would be fetched past us', () => {
    for (const text of ['#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9.0,\na.ts', '#EXTM3U\r\n#EXT-X-STREAM-INF:BANDWIDTH=1\r\nlow.m3u8', '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="file:///etc/passwd"\na.ts']) {
      assert.throws(() => parsePlaylist('m3u', text, BASE, LIMITS), { code: 'unsupported-type' }, text);
    }
  });

  it('pls: by number, whatever the order, with gaps', () => {
    const text = '[playlist]\r\nTitle2=Two\r\nFILE10=c\r\nfile2=b\r\nFile1 = a \r\nLength1=60\r\nLength2=-1\r\nNumberOfEntries=9\r\nVersion=2';
    assert.deepEqual(parsePlaylist('pls', text, BASE, LIMITS), [
      { uri: 'http://radio.example/lists/a', title: undefined, duration: 60 },
      { uri: 'http://radio.example/lists/b', title: 'Two', duration: undefined },
      { uri: 'http://radio.example/lists/c', title: undefined, duration: undefined },
    ]);
  });

  it('xspf: tracks, with comments around, relative to xml:base', () => {
    const text = `\ufeff<?xml version="1.0"?><!-- mine -->\n<playlist version="1" xmlns="http://xspf.org/ns/0/" xml:base="http://b.example/x/"><trackList>
      <track><location>file:///etc/passwd</location><location>a%20b.ogg</location><title>One &amp; only</title><creator>Romeo</creator><duration>1500</duration></track>
      <track><title>Nowhere</title></track><!-- <track/> --><track><location>${XMPP.replace('&', '&amp;')}</location></track></trackList></playlist>`;
    assert.deepEqual(parsePlaylist('xspf', text, BASE, LIMITS), [
      { uri: 'http://b.example/x/a%20b.ogg', title: 'One & only', artist: 'Romeo', duration: 1.5 },
      { uri: XMPP, title: undefined, artist: undefined, duration: undefined },
    ]);
  });

  it('xspf: what is no such list, or tries the parser, is refused by code', () => {
    for (const [text, code] of [['<playlist>', 'malformed'], ['no xml', 'malformed'], ['<!DOCTYPE a><playlist/>', 'xml-restricted'], [`<playlist>${'<a>'.repeat(20)}`, 'too-large']] as const) {
      assert.throws(() => uris('xspf', text), (error) => error instanceof XpmnError && (assert.equal(error.code, code), true));
    }
    assert.deepEqual(uris('xspf', '<html/>'), []);
  });

  it('name media items of the network as they are, and nothing else by xmpp', () => {
    assert.deepEqual(uris('m3u', `${XMPP}\nxmpp:romeo@montague.lit\nxmpp:x?message`), [XMPP]);
    assert.deepEqual(uris('m3u', 'a.mp3\nhttp://a.example/b', XMPP), ['http://a.example/b'], 'an item of the network has no neighbours');
  });

  it('never name anything but http, https and xmpp', () => {
    const hostile = ['file:///etc/passwd', 'FILE:/etc/passwd', 'C:\\music\\a.mp3', 'ftp://a.example/', 'data:audio/mpeg,x', 'javascript:x', 'smb://a/b', 'rtsp://a/b', 'fi\tle:///etc/passwd', '\u0000file:///x'];
    for (const uri of hostile) assert.ok(!isPlayableUri(uri), uri);
    const found = uris('m3u', hostile.join('\n'));
    assert.ok(found.every((uri) => /^http:/.test(uri)), found.join());
    assert.deepEqual(uris('m3u', 'a.mp3\nb.mp3', 'file:///home/romeo/all.m3u'), []);
  });

  it('are bounded: entries, lengths of URIs and titles', () => {
    assert.equal(uris('m3u', 'a\n'.repeat(500)).length, LIMITS.items);
    assert.equal(uris('pls', Array.from({ length: 500 }, (_, i) => `File${i}=a`).join('\n')).length, LIMITS.items);
    assert.deepEqual(uris('m3u', 'x'.repeat(300)), []);
    assert.equal(parsePlaylist('m3u', `#EXTINF:1,${'t'.repeat(500)}\na`, BASE, LIMITS)?.[0]?.title?.length, LIMITS.textLength);
    assert.equal(parsePlaylist('m3u', '#EXTINF:1,a\u0000b\u0007\na', BASE, LIMITS)?.[0]?.title, 'a b');
  });

  it('take time by their length only', () => {
    const began = ownTime();
    uris('m3u', `#EXTINF:1,${','.repeat(500_000)}\na`);
    for (const text of ['<?a?>'.repeat(100_000), '<!--'.repeat(100_000), '<'.repeat(300_000)]) assert.throws(() => uris('xspf', text), XpmnError);
    assert.ok(ownTime() - began < 2);
  });

  it('whatever they hold: playable URIs within the limits, or an error of ours', () => {
    const line = fc.oneof(fc.string(), fc.constantFrom('#EXTM3U', '#EXTINF:1,x', 'File1=a', '[playlist]', XMPP, 'file:///x', 'a.mp3', '<playlist><trackList>', '<track><location>'), fc.webUrl());
    fc.assert(fc.property(fc.constantFrom('m3u', 'pls', 'xspf'), fc.array(line).map((lines) => lines.join('\n')), (format: PlaylistFormat, text) => {
      try {
        for (const entry of parsePlaylist(format, text, BASE, LIMITS) ?? []) {
          assert.ok(isPlayableUri(entry.uri) && entry.uri.length <= LIMITS.uriLength && (entry.title ?? '').length <= LIMITS.textLength);
          assert.ok(entry.duration === undefined || entry.duration > 0);
        }
      } catch (error) {
        assert.ok(error instanceof XpmnError, String(error));
      }
    }));
  });
});
