import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { decoderFor } from '../../../src/upnp/http-body.ts';
import type { BodyDecoder } from '../../../src/upnp/http-body.ts';
import { parseHead } from '../../../src/upnp/http-head.ts';

const decoder = (...headers: string[]): BodyDecoder => decoderFor(parseHead(`HTTP/1.1 200 OK\r\n${headers.join('\r\n')}\r\n\r\n`));
const CHUNKED = 'Transfer-Encoding: chunked';

/** What `decoder` makes of `parts`, until it is done. */
function decode(body: BodyDecoder, parts: readonly Buffer[]): Buffer {
  const out: Buffer[] = [];
  for (const part of parts) {
    const copy = Buffer.from(part);
    out.push(Buffer.from(copy.subarray(0, body.decode(copy, copy.length))));
  }
  return Buffer.concat(out);
}

function chunked(content: Buffer, sizes: readonly number[], extension = ''): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    const part = content.subarray(at, at + size);
    if (part.length === 0) break;
    parts.push(Buffer.from(`${part.length.toString(16)}${extension}\r\n`), part, Buffer.from('\r\n'));
    at += size;
  }
  if (at < content.length) parts.push(Buffer.from(`${(content.length - at).toString(16).toUpperCase()}\r\n`), content.subarray(at), Buffer.from('\r\n'));
  return Buffer.concat([...parts, Buffer.from('0\r\nX-Trailer: 1\r\n\r\n')]);
}

describe('the body of an HTTP answer', () => {
  it('is read chunked, split at every byte', () => {
    const content = randomBytes(300);
    const wire = chunked(content, [1, 16, 100], ';name="va;lue"');
    for (let cut = 0; cut <= wire.length; cut += 1) {
      const body = decoder(CHUNKED);
      assert.deepEqual(decode(body, [wire.subarray(0, cut), wire.subarray(cut)]), content);
      assert.ok(body.done && !body.surplus);
      body.ended();
    }
    const byByte = decoder(CHUNKED);
    assert.deepEqual(decode(byByte, [...wire].map((byte) => Buffer.from([byte]))), content);
    assert.ok(byByte.done);
  });

  it('is the same in any chunks and any splits', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 10 });
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), sizes, sizes, (bytes, chunks, splits) => {
      const content = Buffer.from(bytes);
      let rest = chunked(content, chunks);
      const parts: Buffer[] = [];
      for (const size of splits) {
        parts.push(rest.subarray(0, size));
        rest = rest.subarray(size);
      }
      const body = decoder(CHUNKED);
      assert.deepEqual(decode(body, [...parts, rest]), content);
      assert.ok(body.done);
    }));
  });

  it('with a length ends there, and what follows does not belong to it', () => {
    const body = decoder('Content-Length: 5');
    assert.equal(body.left, 5);
    assert.equal(decode(body, [Buffer.from('abc'), Buffer.from('defgh')]).toString(), 'abcde');
    assert.ok(body.done);
    assert.ok(body.surplus);
    const exact = decoder('Content-Length: 5');
    assert.equal(decode(exact, [Buffer.from('abcde')]).toString(), 'abcde');
    assert.ok(exact.done && !exact.surplus);
  });

  it('knows surplus after the last chunk', () => {
    const body = decoder(CHUNKED);
    assert.equal(decode(body, [Buffer.from('1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK')]).toString(), 'a');
    assert.ok(body.done && body.surplus);
  });

  it('without a length ends with the connection', () => {
    const body = decoder();
    assert.equal(decode(body, [Buffer.from('abc'), Buffer.from('def')]).toString(), 'abcdef');
    assert.ok(!body.done);
    body.ended();
    assert.ok(body.done);
  });

  for (const [name, headers, sent] of [
    ['a length', ['Content-Length: 5'], 'abcd'],
    ['chunks, in a size', [CHUNKED], '1\r\na\r\n1'],
    ['chunks, in data', [CHUNKED], '5\r\nabc'],
    ['chunks, before the last', [CHUNKED], '1\r\na\r\n'],
    ['chunks, in the trailer', [CHUNKED], '1\r\na\r\n0\r\n'],
  ] as const) {
    it(`tells when it is cut: ${name}`, () => {
      const body = decoder(...headers);
      decode(body, [Buffer.from(sent)]);
      assert.throws(() => body.ended(), { code: 'truncated' });
    });
  }

  for (const [name, sent] of Object.entries({
    'no size': '\r\n', 'a negative size': '-1\r\n', 'a size with 0x': '0x5\r\n', 'a size that overflows': `${'f'.repeat(13)}\r\n`, 'words': 'hello\r\n',
    'data longer than its size': '1\r\nab\r\n', 'a size line without end': '1;'.padEnd(2000, 'x'), 'an endless trailer line': `0\r\n${'x'.repeat(2000)}`,
    'endless trailers': `0\r\n${'a: b\r\n'.repeat(100)}`,
  })) {
    it(`refuses chunks with ${name}`, () => {
      assert.throws(() => decode(decoder(CHUNKED), [Buffer.from(sent)]), { code: 'origin-broken' });
      assert.throws(() => decode(decoder(CHUNKED), [...Buffer.from(sent)].map((byte) => Buffer.from([byte]))), { code: 'origin-broken' });
    });
  }

  for (const coding of ['gzip', 'gzip, chunked', 'chunked, gzip', 'deflate', 'xchunked', 'chunked, chunked']) {
    it(`refuses the coding ${coding}`, () => assert.throws(() => decoder(`Transfer-Encoding: ${coding}`), { code: 'origin-broken' }));
  }
});
