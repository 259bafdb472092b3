import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import type { Duplex, Readable, Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { XpmnError } from '../../../kernel/errors.ts';
import { FrameReader, encodeFrame } from './control-frames.ts';
import type { Frame, FrameName } from './control-frames.ts';

/** Keys of a session are the longest that a process has to say, and a reason. */
const BODY_LIMIT = 256;

export interface SrpChildOptions {
  /** Megabytes that its JavaScript heap may take. */
  readonly heapMegabytes: number;
}

/** Nothing is called after `onGone`. */
export interface SrpChildListener {
  /** @throws XpmnError for what makes no sense there */
  onFrame(frame: Frame): void;
  /** The process has ended, or made no sense and was ended. Called once, also after `kill`. */
  onGone(error: XpmnError): void;
}

/**
 * A process of `srp-process.ts`, seen from the one that started it. It gets no environment, no arguments but those of Node, no
 * file, and of the secrets only those that are sent to it. What it says is not believed further than it must be: it is bounded,
 * and whatever makes no sense ends it.
 */
export class SrpChild {
  /** Ciphertext, in both directions. */
  readonly wire: Duplex;
  /** Plaintext, in both directions. */
  readonly plain: Duplex;
  private readonly process: ChildProcess;
  private readonly control: Writable;
  private readonly listener: SrpChildListener;
  private isGone = false;

  /** @throws XpmnError `resource-limit`: there can't be one more process now */
  constructor(listener: SrpChildListener, { heapMegabytes }: SrpChildOptions, program = ownProgram()) {
    this.listener = listener;
    this.process = startProcess(program, heapMegabytes);
    const [control, said, , wire, plain] = this.process.stdio as [Writable, Readable, null, Duplex, Duplex];
    this.control = control;
    this.wire = wire;
    this.plain = plain;
    // What breaks because the process is gone is told by its end.
    for (const stream of [control, said, wire, plain]) stream.on('error', () => undefined);
    this.listen(said);
    this.process.once('error', (cause) => this.leave(new XpmnError('resource-limit', 'The process for TLS-SRP could not be started.', { cause })));
    this.process.once('exit', (code, signal) => this.leave(new XpmnError('security-failed', `The process for TLS-SRP ended (${signal ?? code}).`)));
  }

  say(name: FrameName, body?: Uint8Array): void {
    if (!this.isGone) this.control.write(encodeFrame(name, body));
  }

  /** At once. Idempotent. */
  kill(): void {
    this.process.kill('SIGKILL');
    this.wire.destroy();
    this.plain.destroy();
  }

  private listen(said: Readable): void {
    const frames = new FrameReader({ bodyLimit: BODY_LIMIT });
    said.on('data', (chunk: Buffer) => {
      if (this.isGone) return;
      try {
        for (const frame of frames.read(chunk)) this.listener.onFrame(frame);
      } catch (cause) {
        this.leave(new XpmnError('security-failed', 'The process for TLS-SRP said what makes no sense.', { cause }));
      }
    });
  }

  private leave(error: XpmnError): void {
    if (this.isGone) return;
    this.isGone = true;
    this.kill();
    this.listener.onGone(error);
  }
}

function startProcess(program: string, heapMegabytes: number): ChildProcess {
  const child = spawn(process.execPath, [...loaders(), `--max-old-space-size=${heapMegabytes}`, program], {
    env: {},
    stdio: ['pipe', 'pipe', 'ignore', 'pipe', 'pipe'],
  });
  if ((child.stdio as ChildProcess['stdio'] | undefined) !== undefined) return child;
  // Without free descriptors Node makes no streams, and says why only later.
  child.once('error', () => undefined);
  throw new XpmnError('resource-limit', 'There is no room for a process for TLS-SRP.');
}

/** From the sources, the process needs what reads TypeScript; built, it needs nothing. */
function loaders(): readonly string[] {
  return isSource() ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
}

function ownProgram(): string {
  return fileURLToPath(new URL(isSource() ? './srp-process.ts' : './srp-process.js', import.meta.url));
}

function isSource(): boolean {
  return import.meta.url.endsWith('.ts');
}
