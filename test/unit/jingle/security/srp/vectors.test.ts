import assert from 'node:assert/strict';
import { createHash, createHmac, getDiffieHellman } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { integerOf } from '../../../../../src/xpmn/jingle/security/srp/arithmetic.ts';
import { GROUP_3072 } from '../../../../../src/xpmn/jingle/security/srp/group.ts';
import { contextHash } from '../../../../../src/xpmn/jingle/security/srp/pairing-context.ts';
import { answerChallenge, beginServer } from '../../../../../src/xpmn/jingle/security/srp/proof.ts';
import { decodeRecord, encodeRecord } from '../../../../../src/xpmn/jingle/security/srp/records.ts';
import type { RecordType } from '../../../../../src/xpmn/jingle/security/srp/records.ts';
import { clientSecret, privateValue, scrambler, serverSecret, verifier } from '../../../../../src/xpmn/jingle/security/srp/srp6a.ts';
import { parseJid } from '../../../../../src/xpmn/model/jid.ts';

const FOLDER = new URL('../../../../vectors/pairing/', import.meta.url);

interface Side { readonly jid: string; readonly methods: readonly string[]; readonly certificateHash: string }
/** Bytes are hex. From `ctx` on all follows from what stands above it. */
interface Vector {
  readonly pin: string;
  readonly exporter: string;
  readonly initiator: Side & { readonly a: string };
  readonly responder: Side & { readonly salt: string; readonly b: string };
  readonly ctx: string;
  readonly x: string;
  readonly v: string;
  readonly A: string;
  readonly B: string;
  readonly u: string;
  readonly S: string;
  readonly K: string;
  readonly M1: string;
  readonly M2: string;
  readonly records: Readonly<Record<RecordType, string>>;
}

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** All that follows, once more, by the letter of the protocol and with nothing of ours. */
function recomputed({ pin, exporter, initiator, responder }: Vector): Record<string, string> {
  const sha256 = (...parts: readonly Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
  const field = (part: Buffer): Buffer => Buffer.concat([Buffer.from([part.length >> 8, part.length & 255]), part]);
  const number = (part: Buffer): bigint => BigInt(`0x${part.toString('hex')}`);
  const pad = (value: bigint): Buffer => bytes(value.toString(16).padStart(768, '0'));
  const prime = number(getDiffieHellman('modp15').getPrime());
  const power = (base: bigint, exponent: bigint): bigint => {
    let result = 1n;
    for (const bit of exponent.toString(2)) result = (result * result * (bit === '1' ? base : 1n)) % prime;
    return result;
  };
  const names = (methods: readonly string[]): Buffer => Buffer.from([...methods].sort().join(','));
  const fields = [
    Buffer.from('xpmn-srp-cb-v1'), bytes(exporter), bytes(initiator.certificateHash), bytes(responder.certificateHash),
    Buffer.from(initiator.jid), Buffer.from(responder.jid), names(initiator.methods), names(responder.methods),
  ];
  const ctx = sha256(...fields.map(field));
  const x = number(sha256(bytes(responder.salt), sha256(Buffer.from(`xpmn-pairing:${ctx.toString('hex')}:${pin}`))));
  const k = number(sha256(pad(prime), pad(5n)));
  const v = power(5n, x);
  const [a, b] = [number(bytes(initiator.a)), number(bytes(responder.b))];
  const A = power(5n, a);
  const B = (k * v + power(5n, b)) % prime;
  const u = number(sha256(pad(A), pad(B)));
  const S = power(A * power(v, u) % prime, b);
  const K = sha256(pad(S));
  const hmac = (label: string, ...parts: readonly Buffer[]): Buffer => createHmac('sha256', K).update(Buffer.concat([Buffer.from(label), ...parts])).digest();
  const M1 = hmac('client', ctx, pad(A), pad(B));
  const M2 = hmac('server', ctx, pad(A), pad(B), M1);
  const hex = (value: bigint): string => value.toString(16).padStart(64, '0');
  return {
    ctx: ctx.toString('hex'), x: hex(x), v: pad(v).toString('hex'), A: pad(A).toString('hex'), B: pad(B).toString('hex'), u: hex(u), S: pad(S).toString('hex'),
    K: K.toString('hex'), M1: M1.toString('hex'), M2: M2.toString('hex'),
  };
}

describe('the vectors of pairing', () => {
  const names = readdirSync(FOLDER).filter((file) => file.startsWith('srp-cb-') && file.endsWith('.json'));

  it('are complete', () => {
    assert.ok(names.length >= 5);
    const all = names.map((name) => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Vector);
    for (const value of ['A', 'B', 'S'] as const) assert.ok(all.some((vector) => vector[value].startsWith('00')), `a padded ${value}`);
  });

  for (const name of names) {
    const vector = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Vector;
    const { initiator, responder, records } = vector;
    const both = <T>(read: (side: Side) => T): Record<'initiator' | 'responder', T> => ({ initiator: read(initiator), responder: read(responder) });
    const known = { context: bytes(vector.ctx), pin: vector.pin };
    const record = (type: RecordType): Buffer => decodeRecord(bytes(records[type]))?.value.body as Buffer;

    it(`${name}: follows from its inputs by the letter of the protocol`, () => {
      for (const [value, hex] of Object.entries(recomputed(vector))) assert.equal(vector[value as 'ctx'], hex, value);
    });

    it(`${name}: the context`, () => {
      assert.equal(parseJid(initiator.jid), initiator.jid);
      const made = contextHash({ exporter: bytes(vector.exporter), certificateHashes: both((side) => bytes(side.certificateHash)), jids: both((side) => parseJid(side.jid)), methods: both((side) => side.methods) });
      assert.equal(made.toString('hex'), vector.ctx);
    });

    it(`${name}: the numbers between`, () => {
      const suite = { group: GROUP_3072, hash: 'sha256' } as const;
      const [a, b, v, x] = [initiator.a, responder.b, vector.v, vector.x].map((hex) => integerOf(bytes(hex))) as [bigint, bigint, bigint, bigint];
      const values = { clientPublic: integerOf(bytes(vector.A)), serverPublic: integerOf(bytes(vector.B)) };
      assert.equal(privateValue(suite, { salt: bytes(responder.salt), identity: `xpmn-pairing:${vector.ctx}`, password: vector.pin }), x);
      assert.equal(verifier(suite, x), v);
      assert.equal(scrambler(suite, values), integerOf(bytes(vector.u)));
      assert.equal(clientSecret(suite, { a, x, ...values }), integerOf(bytes(vector.S)));
      assert.equal(serverSecret(suite, { b, v, ...values }), integerOf(bytes(vector.S)));
    });

    it(`${name}: the records that the responder sends, and what it makes of the initiator's`, () => {
      const run = beginServer(known, { salt: bytes(responder.salt), b: bytes(responder.b) });
      assert.equal(encodeRecord({ type: 'challenge', body: run.challenge }).toString('hex'), records.challenge);
      const confirmation = run.judge(record('proof')) as Buffer;
      assert.equal(encodeRecord({ type: 'confirmation', body: confirmation }).toString('hex'), records.confirmation);
    });

    it(`${name}: the record that the initiator sends, and what it makes of the responder's`, () => {
      const run = answerChallenge(known, { a: bytes(initiator.a) }, record('challenge'));
      assert.ok(run);
      assert.equal(encodeRecord({ type: 'proof', body: run.proof }).toString('hex'), records.proof);
      assert.ok(run.isConfirmedBy(record('confirmation')));
    });

    it(`${name}: no bit of a proof may differ, nor one of the context or the PIN`, () => {
      const chance = { salt: bytes(responder.salt), b: bytes(responder.b) };
      const run = beginServer(known, chance);
      for (const at of [0, 383, 384, 415]) {
        const proof = Buffer.from(record('proof'));
        proof[at] = (proof[at] as number) ^ 1;
        assert.equal(run.judge(proof), undefined, `byte ${at}`);
      }
      const client = answerChallenge(known, { a: bytes(initiator.a) }, record('challenge'));
      for (const at of [0, 31]) {
        const confirmation = Buffer.from(record('confirmation'));
        confirmation[at] = (confirmation[at] as number) ^ 1;
        assert.equal(client?.isConfirmedBy(confirmation), false);
      }
      for (const other of [{ ...known, pin: `${vector.pin}0` }, { ...known, context: Buffer.alloc(32) }]) {
        assert.equal(beginServer(other, chance).judge(record('proof')), undefined);
        assert.equal(answerChallenge(other, { a: bytes(initiator.a) }, record('challenge'))?.isConfirmedBy(record('confirmation')), false);
      }
    });
  }
});
