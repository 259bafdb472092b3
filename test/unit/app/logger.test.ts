import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { createLogger } from '../../../src/app/logger.ts';
import type { Logger } from '../../../src/xpmn/kernel/log.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { settings } from '../../support/settings.ts';

function logger(options: { level?: string; format?: string } = {}): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return { log: createLogger({ write: (line: string) => lines.push(line) > 0 }, { ...settings.log, ...options }), lines };
}

describe('logger', () => {
  it('writes one line for people: time, level, scope, message, fields', () => {
    const { log, lines } = logger();
    log.child('upnp').child('ssdp', { iface: 'eth0' }).warn('cannot listen', { port: 1900 });
    assert.equal(lines.length, 1);
    assert.match(lines[0] as string, /^\d{4}-\d\d-\d\dT[\d:.]+Z WARN {2}upnp\/ssdp: cannot listen \(iface=eth0, port=1900\)\n$/);
  });

  it('writes JSON lines for machines', () => {
    const { log, lines } = logger({ format: 'json' });
    log.child('a').info('hello', { n: 1 });
    const { time, ...line } = JSON.parse(lines[0] as string) as Record<string, unknown>;
    assert.ok(typeof time === 'string');
    assert.deepEqual(line, { level: 'info', scope: 'a', fields: { n: 1 }, message: 'hello' });
  });

  it('keeps to its level', () => {
    const { log, lines } = logger({ level: 'warn' });
    log.debug('1');
    log.info('2');
    log.warn('3');
    log.error('4');
    assert.equal(lines.length, 2);
  });

  it('tells no secret, at any depth, in any case of its name, bound or given', () => {
    for (const format of ['text', 'json']) {
      const { log, lines } = logger({ format, level: 'debug' });
      for (const name of ['password', 'pin', 'secret', 'token', 'privateKey', 'key', 'credentials']) {
        for (const key of [name, name.toUpperCase()]) {
          log.child('a', { [key]: 'hunter2' }).info('x', { [key]: 'hunter2', b: { c: [{ [key]: { d: 'hunter2' } }] } });
          log.info('x', { error: new XpmnError('internal', 'y', { details: { [key]: 'hunter2' }, cause: new XpmnError('internal', 'z', { details: { [key]: 'hunter2' } }) }) });
        }
      }
      assert.ok(lines.length > 0 && !lines.join('').includes('hunter2'));
    }
  });

  it('tells nothing of keys and bytes', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
    const { log, lines } = logger({ format: 'json' });
    log.info('x', { a: createPrivateKey(privateKey), b: Buffer.from('hunter2') });
    assert.deepEqual((JSON.parse(lines[0] as string) as { fields: unknown }).fields, { a: '[PrivateKeyObject]', b: '[7 bytes]' });
  });

  it('tells of an error its code and message; where it comes from only at debug', () => {
    const error = new XpmnError('origin-broken', 'The origin lies.', { cause: new Error('why') });
    const quiet = logger();
    quiet.log.error('failed', { error });
    assert.match(quiet.lines[0] as string, /failed \(error=\{"code":"origin-broken","message":"The origin lies\."\}\)\n$/);
    const loud = logger({ level: 'debug', format: 'json' });
    loud.log.error('failed', { error });
    assert.match(loud.lines[0] as string, /logger\.test\.ts.*"message":"why"/);
  });

  it('is not fooled by what others have put into a text', () => {
    const { log, lines } = logger();
    log.info('name', { name: 'TV\n2026 ERROR fake \u001b[2J\u202e' });
    assert.equal(lines[0]?.trimEnd().split('\n').length, 1);
    assert.ok(!/[\u001b\u202e]/.test(lines[0] as string));
  });

  it('bounds what it shows: long texts, deep values, cycles', () => {
    const { log, lines } = logger();
    const round: Record<string, unknown> = {};
    round.round = round;
    log.info('x', { long: 'a'.repeat(100_000), round });
    assert.ok((lines[0] as string).length < 3 * settings.log.text);
  });
});
