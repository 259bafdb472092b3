import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import type { Tap } from '../compliance/security.suite.ts';

/** Two ends of a wire of plain Duplexes, with an optional tap in the middle. Bounded: `highWaterMark` bytes each way. */
export function duplexWire(tap?: Tap, highWaterMark = 65536): [Duplex, Duplex] {
  const counts = { up: 0, down: 0 };
  const ends: [End, End] = [new End(highWaterMark), new End(highWaterMark)];
  ends.forEach((end, index) => {
    const direction = index === 0 ? 'up' : 'down';
    end.other = ends[1 - index] as End;
    end.tap = tap && ((chunk) => tap(direction, chunk, counts[direction]++));
  });
  return ends;
}

class End extends Duplex {
  other: End | undefined;
  tap: ((chunk: Buffer) => Buffer | 'cut') | undefined;
  private waiting: (() => void) | undefined;

  constructor(highWaterMark: number) {
    super({ highWaterMark, allowHalfOpen: true });
    // A real wire may die under anybody: errors are seen by whoever listens, and by nobody else.
    this.on('error', () => undefined);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const passed = this.tap ? this.tap(chunk) : chunk;
    if (passed === 'cut') {
      this.other?.destroy();
      this.destroy();
      done();
      return;
    }
    this.other?.arrive(passed, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.other?.push(null);
    done();
  }

  override _read(): void {
    const resume = this.waiting;
    this.waiting = undefined;
    resume?.();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { other } = this;
    this.waiting?.();
    if (other && !other.destroyed) setImmediate(() => other.destroy());
    done(error);
  }

  private arrive(chunk: Buffer, done: () => void): void {
    if (this.destroyed) done();
    else if (this.push(chunk)) done();
    else this.waiting = done;
  }
}

/** Two ends of a TCP connection over loopback. With a tap, a relay sits in the middle. */
export async function socketWire(tap?: Tap): Promise<[net.Socket, net.Socket]> {
  if (!tap) return connectPair();
  const [up, upFar] = await connectPair();
  const [downFar, down] = await connectPair();
  relay('up', upFar, downFar, tap);
  relay('down', downFar, upFar, tap);
  return [up, down];
}

function relay(direction: 'up' | 'down', from: net.Socket, to: net.Socket, tap: Tap): void {
  let count = 0;
  from.on('error', () => to.destroy());
  from.on('data', (chunk) => {
    const passed = tap(direction, chunk, count);
    count += 1;
    if (passed !== 'cut') {
      if (!to.destroyed && !to.write(passed)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
      return;
    }
    from.destroy();
    to.destroy();
  });
  from.on('end', () => to.end());
  from.on('close', () => to.destroy());
  from.resume();
}

async function connectPair(): Promise<[net.Socket, net.Socket]> {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const near = net.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const [far] = await accepted;
  if (near.connecting) await once(near, 'connect');
  server.close();
  return [near, far];
}
