import assert from 'node:assert/strict';
import { checkPrimeSync, getDiffieHellman, randomBytes } from 'node:crypto';
import { integerOf, paddedBytes } from '../../../../../src/xpmn/jingle/security/srp/arithmetic.ts';
import { GROUP_3072 } from '../../../../../src/xpmn/jingle/security/srp/group.ts';
import {
  clientPublicValue, clientSecret, multiplier, privateValue, readPublicValue, scrambler, serverPublicValue, serverSecret, verifier,
} from '../../../../../src/xpmn/jingle/security/srp/srp6a.ts';
import type { SrpSuite } from '../../../../../src/xpmn/jingle/security/srp/srp6a.ts';

const integer = (hex: string): bigint => BigInt(`0x${hex.replaceAll(/\s/g, '')}`);

/** RFC 5054, appendix A: the 1024-bit group. */
const GROUP_1024 = {
  prime: integer(`
    EEAF0AB9 ADB38DD6 9C33F80A FA8FC5E8 60726187 75FF3C0B 9EA2314C 9C256576 D674DF74 96EA81D3 383B4813 D692C6E0 E0D5D8E2 50B98BE4
    8E495C1D 6089DAD1 5DC7D7B4 6154D6B6 CE8EF4AD 69B15D49 82559B29 7BCF1885 C529F566 660E57EC 68EDBC3C 05726CC0 2FD4CBF4 976EAA9A
    FD5138FE 8376435B 9FC61D2F C0EB06E3`),
  generator: 2n,
  size: 128,
};

/** RFC 5054, appendix B. */
const VECTOR = {
  identity: 'alice',
  password: 'password123',
  salt: Buffer.from('BEB25379D1A8581EB5A727673A2441EE', 'hex'),
  k: integer('7556AA04 5AEF2CDD 07ABAF0F 665C3E81 8913186F'),
  x: integer('94B7555A ABE9127C C58CCF49 93DB6CF8 4D16C124'),
  v: integer(`
    7E273DE8 696FFC4F 4E337D05 B4B375BE B0DDE156 9E8FA00A 9886D812 9BADA1F1 822223CA 1A605B53 0E379BA4 729FDC59 F105B478 7E5186F5
    C671085A 1447B52A 48CF1970 B4FB6F84 00BBF4CE BFBB1681 52E08AB5 EA53D15C 1AFF87B2 B9DA6E04 E058AD51 CC72BFC9 033B564E 26480D78
    E955A5E2 9E7AB245 DB2BE315 E2099AFB`),
  a: integer('60975527 035CF2AD 1989806F 0407210B C81EDC04 E2762A56 AFD529DD DA2D4393'),
  b: integer('E487CB59 D31AC550 471E81F0 0F6928E0 1DDA08E9 74A004F4 9E61F5D1 05284D20'),
  A: integer(`
    61D5E490 F6F1B795 47B0704C 436F523D D0E560F0 C64115BB 72557EC4 4352E890 3211C046 92272D8B 2D1A5358 A2CF1B6E 0BFCF99F 921530EC
    8E393561 79EAE45E 42BA92AE ACED8251 71E1E8B9 AF6D9C03 E1327F44 BE087EF0 6530E69F 66615261 EEF54073 CA11CF58 58F0EDFD FE15EFEA
    B349EF5D 76988A36 72FAC47B 0769447B`),
  B: integer(`
    BD0C6151 2C692C0C B6D041FA 01BB152D 4916A1E7 7AF46AE1 05393011 BAF38964 DC46A067 0DD125B9 5A981652 236F99D9 B681CBF8 7837EC99
    6C6DA044 53728610 D0C6DDB5 8B318885 D7D82C7F 8DEB75CE 7BD4FBAA 37089E6F 9C6059F3 88838E7A 00030B33 1EB76840 910440B1 B27AAEAE
    EB4012B7 D7665238 A8E3FB00 4B117B58`),
  u: integer('CE38B959 3487DA98 554ED47D 70A7AE5F 462EF019'),
  S: integer(`
    B0DC82BA BCF30674 AE450C02 87745E79 90A3381F 63B387AA F271A10D 233861E3 59B48220 F7C4693C 9AE12B0A 6F67809F 0876E2D0 13800D6C
    41BB59B6 D5979B5C 00A172B4 A2A5903A 0BDCAF8A 709585EB 2AFAFA8F 3499B200 210DCC1F 10EB3394 3CD67FC8 8A2F39A4 BE5BEC4E C0A3212D
    C346D7E4 74B29EDE 8A469FFE CA686E5A`),
};

describe('SRP-6a', () => {
  it('computes what RFC 5054 publishes, appendix B', () => {
    const suite: SrpSuite = { group: GROUP_1024, hash: 'sha1' };
    const { a, b, v, x } = VECTOR;
    const values = { clientPublic: VECTOR.A, serverPublic: VECTOR.B };
    assert.equal(multiplier(suite), VECTOR.k);
    assert.equal(privateValue(suite, VECTOR), x);
    assert.equal(verifier(suite, x), v);
    assert.equal(clientPublicValue(suite, a), VECTOR.A);
    assert.equal(serverPublicValue(suite, { b, v }), VECTOR.B);
    assert.equal(scrambler(suite, values), VECTOR.u);
    assert.equal(clientSecret(suite, { a, x, ...values }), VECTOR.S);
    assert.equal(serverSecret(suite, { b, v, ...values }), VECTOR.S);
  });

  it('has the 3072-bit group of appendix A: the prime of RFC 3526, group 15, and 5', () => {
    const { prime, generator, size } = GROUP_3072;
    assert.equal(paddedBytes(prime, size).toString('hex'), getDiffieHellman('modp15').getPrime('hex'));
    assert.equal(generator, 5n);
    // A safe prime, so that no subgroup is small but {1, N - 1}.
    assert.ok(checkPrimeSync((prime - 1n) / 2n, { checks: 1 }));
  });

  it('comes to one secret on both sides in the group and with the hash of ours, and to two with two passwords', () => {
    const suite: SrpSuite = { group: GROUP_3072, hash: 'sha256' };
    const salt = randomBytes(16);
    const [a, b] = [integerOf(randomBytes(32)), integerOf(randomBytes(32))];
    const x = privateValue(suite, { salt, identity: 'somebody', password: '000000' });
    const other = privateValue(suite, { salt, identity: 'somebody', password: '000001' });
    const v = verifier(suite, x);
    const values = { clientPublic: clientPublicValue(suite, a), serverPublic: serverPublicValue(suite, { b, v }) };
    assert.equal(clientSecret(suite, { a, x, ...values }), serverSecret(suite, { b, v, ...values }));
    assert.notEqual(clientSecret(suite, { a, x: other, ...values }), serverSecret(suite, { b, v, ...values }));
  });

  it('takes from a peer only what is reduced, not 0, and of the right length', () => {
    for (const group of [GROUP_1024, GROUP_3072]) {
      const { prime, size } = group;
      for (const value of [1n, 2n, prime - 1n]) assert.equal(readPublicValue(group, paddedBytes(value, size)), value);
      for (const value of [0n, prime, prime + 1n]) assert.equal(readPublicValue(group, paddedBytes(value, size)), undefined);
      for (const value of [0n, 1n, prime, 2n * prime, 3n * prime]) assert.equal(readPublicValue(group, paddedBytes(value, size + 1)), undefined);
      for (const length of [0, 1, size - 1, size + 1]) assert.equal(readPublicValue(group, Buffer.alloc(length, 1)), undefined);
    }
  });
});
