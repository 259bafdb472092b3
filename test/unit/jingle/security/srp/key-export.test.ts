import assert from 'node:assert/strict';
import { once } from 'node:events';
import tls from 'node:tls';
import { systemClock, systemRandom } from '../../../../../src/xpmn/kernel/system.ts';
import { exportKeys } from '../../../../../src/xpmn/jingle/security/srp/key-export.ts';
import { issueCertificate } from '../../../../../src/xpmn/trust/certificate.ts';
import { privateKeyPem } from '../../../../../src/xpmn/trust/keys.ts';
import { testKey } from '../../../../support/keys.ts';
import { duplexWire } from '../../../../support/wire.ts';

/** Where the random of a hello stands in the first record of a TLS stream. */
const RANDOM = 5 + 4 + 2;

describe('keying material of a TLS 1.2 session', function () {
  this.timeout(60_000);

  it('is what Node exports from the same secrets', async () => {
    const key = await testKey('key export');
    const { pem } = issueCertificate({ clock: systemClock, random: systemRandom }, { certificateYears: 1 }, key, { commonName: 'export' });
    const passed = { up: [] as Buffer[], down: [] as Buffer[] };
    const [up, down] = duplexWire((direction, chunk) => (passed[direction].push(chunk), chunk));
    const server = tls.createServer({ cert: pem, key: privateKeyPem(key), maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA' });
    server.emit('connection', down);
    const client = tls.connect({ socket: up, rejectUnauthorized: false, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA' });
    const [log] = (await once(client, 'keylog')) as [Buffer];
    await once(client, 'secureConnect');
    const random = (chunks: readonly Buffer[]): Buffer => Buffer.concat(chunks).subarray(RANDOM, RANDOM + 32);
    const master = Buffer.from(String(log).trim().split(' ')[2] as string, 'hex');
    const keys = { master, clientRandom: random(passed.up), serverRandom: random(passed.down) };
    for (const [label, length] of [['EXPORTER-XPMN-Pairing-v1', 32], ['EXPORTER-other', 1], ['EXPORTER-long', 200]] as const) {
      assert.deepEqual(exportKeys(keys, label, length), client.exportKeyingMaterial(length, label, Buffer.alloc(0)));
    }
    client.destroy();
    down.destroy();
  });
});
