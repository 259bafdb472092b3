import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  MAX_MESSAGE, decodeChoice, decodeGreeting, decodeReply, decodeRequest, encodeChoice, encodeGreeting, encodeReply, encodeRequest,
} from '../../../../src/xpmn/jingle/transports/socks5-codec.ts';
import type { Decoder, Endpoint } from '../../../../src/xpmn/jingle/transports/socks5-codec.ts';
import { ipText } from '../../../../src/xpmn/kernel/ip-address.ts';

const port = fc.nat({ max: 65535 });
const domain = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)), minLength: 1, maxLength: 255 });
const bytes = (length: number): fc.Arbitrary<string> => fc.uint8Array({ minLength: length, maxLength: length }).map(ipText);
const endpoint: fc.Arbitrary<Endpoint> = fc.oneof(
  fc.record({ type: fc.constant('domain' as const), host: domain, port }),
  fc.record({ type: fc.constant('ipv4' as const), host: bytes(4), port }),
  fc.record({ type: fc.constant('ipv6' as const), host: bytes(16), port }),
);

/** Undefined for every proper prefix, then the message, whatever follows. */
function roundTrips<T>(encoded: Buffer, decode: Decoder<T>, value: T): void {
  for (let size = 0; size < encoded.length; size += 1) assert.equal(decode(encoded.subarray(0, size)), undefined, `prefix of ${size}`);
  assert.deepEqual(decode(encoded), { value, size: encoded.length });
  assert.deepEqual(decode(Buffer.concat([encoded, Buffer.from('next')])), { value, size: encoded.length });
}

describe('socks5 codec', () => {
  it('reads back every greeting, split at every byte', () => {
    fc.assert(fc.property(fc.array(fc.nat({ max: 255 }), { minLength: 1, maxLength: 255 }), (methods) => roundTrips(encodeGreeting(methods), decodeGreeting, methods)));
  });

  it('reads back every choice, split at every byte', () => {
    fc.assert(fc.property(fc.nat({ max: 255 }), (method) => roundTrips(encodeChoice(method), decodeChoice, method)));
  });

  it('reads back every request and reply, split at every byte', () => {
    fc.assert(fc.property(endpoint, fc.nat({ max: 255 }), (where, code) => {
      roundTrips(encodeRequest({ command: code, ...where }), decodeRequest, { command: code, ...where });
      roundTrips(encodeReply({ status: code, ...where }), decodeReply, { status: code, ...where });
    }));
  });

  it('has the octets of the text', () => {
    const hash = 'a'.repeat(40);
    assert.equal(encodeGreeting([0]).toString('hex'), '050100');
    assert.equal(encodeChoice(0).toString('hex'), '0500');
    assert.equal(encodeRequest({ command: 1, type: 'domain', host: hash, port: 0 }).toString('latin1'), `\x05\x01\x00\x03\x28${hash}\x00\x00`);
    assert.equal(encodeReply({ status: 0, type: 'ipv4', host: '192.0.2.1', port: 1080 }).toString('hex'), '05000001c00002010438');
    assert.equal(encodeReply({ status: 0, type: 'ipv6', host: '2001:db8::1', port: 1 }).toString('hex'), '0500000420010db80000000000000000000000010001');
  });

  it('refuses another version at its first byte', () => {
    for (const decode of [decodeGreeting, decodeChoice, decodeRequest, decodeReply]) assert.throws(() => decode(Buffer.from('G')), { code: 'malformed' });
  });

  it('refuses a greeting without methods, an unknown address type, an empty address', () => {
    assert.throws(() => decodeGreeting(Buffer.from([5, 0])), { code: 'malformed' });
    assert.throws(() => decodeRequest(Buffer.from([5, 1, 0, 2])), { code: 'malformed' });
    assert.throws(() => decodeReply(Buffer.from([5, 0, 0, 3, 0])), { code: 'malformed' });
  });

  it('needs no more than MAX_MESSAGE bytes to say yes or no, whatever they are', () => {
    const any = fc.uint8Array({ minLength: MAX_MESSAGE, maxLength: MAX_MESSAGE });
    fc.assert(fc.property(any, fc.boolean(), (noise, version5) => {
      if (version5) noise[0] = 5;
      for (const decode of [decodeGreeting, decodeChoice, decodeRequest, decodeReply] as Decoder<unknown>[]) {
        let decided = false;
        try {
          decided = decode(noise) !== undefined;
        } catch (error) {
          decided = (error as { code?: string }).code === 'malformed';
        }
        assert.ok(decided);
      }
    }));
  });

  it('does not encode what is no address', () => {
    for (const where of [{ type: 'ipv4', host: '::1' }, { type: 'ipv6', host: 'x' }, { type: 'domain', host: '' }, { type: 'domain', host: 'x'.repeat(256) }] as const) {
      assert.throws(() => encodeRequest({ command: 1, port: 1, ...where }), { code: 'internal' });
    }
  });
});
