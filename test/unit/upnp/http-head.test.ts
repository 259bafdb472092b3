import assert from 'node:assert/strict';
import fc from 'fast-check';
import { contentLength, endOfHead, parseContentRange, parseHead, sizeOfUnsatisfied } from '../../../src/upnp/http-head.ts';

const head = (...lines: string[]): ReturnType<typeof parseHead> => parseHead(`HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\n`);

describe('the head of an HTTP answer', () => {
  const ends: [string, number][] = [
    ['A\r\n\r\nB', 5], ['A\n\nB', 3], ['A\r\n\nB', 4], ['A\n\r\nB', 4], ['A\r\nB: c\r\n', -1], ['', -1], ['\r', -1], ['A\r\n\r', -1],
    // What looks like an end later on is the body's.
    ['A\n\nB\r\n\r\n', 3],
  ];
  for (const [text, end] of ends) it(`ends at ${end} in ${JSON.stringify(text)}`, () => assert.equal(endOfHead(Buffer.from(text)), end));

  it('reads names in any case, with or without space, and keeps the first of a repeated one', () => {
    const { status, minor, headers } = parseHead('HTTP/1.0 206 Partial: content\nContent-Type:video/mp4\nETAG :  "a"  \ncontent-type: text/html\n\n');
    assert.deepEqual({ status, minor, ...headers }, { status: 206, minor: 0, 'content-type': 'video/mp4', etag: '"a"' });
  });

  it('is not confused by names of Object.prototype, lines without a colon, and continued lines', () => {
    const { headers } = head('constructor: x', '__proto__: y', 'nonsense', ': z', 'A: 1', ' content-length: 5', '\tcontent-length: 6');
    assert.equal(headers['content-length'], undefined);
    assert.equal(headers['constructor'], 'x');
    assert.equal(headers['a'], '1');
    assert.equal(head('A: 1').headers['tostring'], undefined);
    assert.equal(head('A: 1').headers['constructor'], undefined);
  });

  for (const line of ['ICY 200 OK', 'HTTP/2 200', 'HTTP/1.2 200 OK', 'HTTP/1.1 20', 'HTTP/1.1 2000 OK', '<html>', '', ' HTTP/1.1 200 OK', 'RTSP/1.0 200 OK']) {
    it(`refuses ${JSON.stringify(line)}`, () => assert.throws(() => parseHead(`${line}\r\n\r\n`), { code: 'origin-broken' }));
  }

  it('tells the length', () => {
    assert.equal(contentLength(head('Content-Length: 12')), 12);
    assert.equal(contentLength(head('Content-Length: 12', 'Content-Length: 12')), 12);
    assert.equal(contentLength(head('Content-Length: 12, 12')), 12);
    assert.equal(contentLength(head('A: b')), undefined);
    // A length beside a coding is a lie in one of the two: the coding counts.
    assert.equal(contentLength(head('Content-Length: 12', 'Transfer-Encoding: chunked')), undefined);
  });

  for (const length of ['-1', '1e3', '0x10', '12 12', '12, 13', '', '1'.repeat(16), '+5', '5;']) {
    it(`refuses the length ${JSON.stringify(length)}`, () => assert.throws(() => contentLength(head(`Content-Length: ${length}`)), { code: 'origin-broken' }));
  }
  it('refuses two lengths', () => assert.throws(() => contentLength(head('Content-Length: 1', 'Content-Length: 2')), { code: 'origin-broken' }));

  it('reads ranges that make sense, and no others', () => {
    assert.deepEqual(parseContentRange('bytes 0-99/1000'), { from: 0, to: 99, size: 1000 });
    assert.deepEqual(parseContentRange('Bytes 5-5/*'), { from: 5, to: 5, size: undefined });
    for (const bad of [undefined, '', 'bytes */5', 'bytes 5-4/10', 'bytes 0-10/10', 'bytes 0-1', 'items 0-1/2', 'bytes -1/2', 'bytes 0-1/2, 3-4/5', `bytes 0-${'9'.repeat(16)}/*`]) {
      assert.equal(parseContentRange(bad), undefined, bad);
    }
    assert.equal(sizeOfUnsatisfied('bytes */77'), 77);
    for (const bad of [undefined, 'bytes 0-1/2', 'bytes */*', 'bytes */-1']) assert.equal(sizeOfUnsatisfied(bad), undefined, bad);
  });

  it('either reads whatever comes, or says that it is broken', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        contentLength(parseHead(text));
        contentLength(parseHead(`HTTP/1.1 200 OK\r\n${text}`));
      } catch (error) {
        assert.equal((error as { code: string }).code, 'origin-broken');
      }
    }));
  });
});
