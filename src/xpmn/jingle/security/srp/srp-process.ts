/**
 * The program of a process that runs TLS-SRP once: bytes that come from a stranger meet OpenSSL's SRP here, where there are no
 * keys and no files. Standard input and output carry control frames, descriptor 3 ciphertext, descriptor 4 plaintext. It
 * never ends by itself, so that nothing it wrote is lost: who started it ends it, and it ends with that.
 */
import { Socket } from 'node:net';
import { deferred } from '../../../kernel/tasks.ts';
import { FrameReader, decodeRunSettings, encodeFrame, encodeKeys, encodeReason } from './control-frames.ts';
import type { FrameName, RunSettings } from './control-frames.ts';
import { loadOpenSsl } from './openssl.ts';
import type { OpenSsl } from './openssl.ts';
import { checkSrp, createSrpContext } from './srp-context.ts';
import { TlsEngine } from './tls-engine.ts';
import { TlsPump } from './tls-pump.ts';

const WIRE = 3;
const PLAIN = 4;
/** Two JIDs, a PIN, and some numbers. */
const BODY_LIMIT = 16384;

const burnt = deferred();

function openSide(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
}

function say(name: FrameName, body?: Uint8Array): void {
  process.stdout.write(encodeFrame(name, body));
}

function start(openssl: OpenSsl, settings: RunSettings): void {
  const { role, bufferBytes } = settings;
  const engine = new TlsEngine(openssl, createSrpContext(openssl, settings), role, { bufferBytes });
  new TlsPump({
    engine,
    role,
    wire: openSide(WIRE),
    plain: openSide(PLAIN),
    burn() {
      say('burn');
      return burnt.promise;
    },
    onEstablished: (keys) => say('established', encodeKeys(keys)),
    onClosed: () => say('closed'),
    onCut: () => say('cut'),
    onFailed: (error) => say('failed', encodeReason(error)),
  });
}

function run(): void {
  const openssl = loadOpenSsl();
  checkSrp(openssl);
  const frames = new FrameReader({ bodyLimit: BODY_LIMIT });
  process.stdin.on('data', (chunk: Buffer) => {
    for (const { name, body } of frames.read(chunk)) {
      if (name === 'start') attempt(() => start(openssl, decodeRunSettings(body)));
      else if (name === 'burnt') burnt.resolve();
    }
  });
  say('ready');
}

/** What can't even begin has nothing for the peer, and says so. */
function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    openSide(WIRE).end();
    say('failed', encodeReason(error as Error));
  }
}

process.stdin.on('end', () => process.exit());
attempt(run);
