import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import http from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { LocalUrl } from '../../../src/app/gateway-api.ts';
import type { Machine } from './machine.ts';
import { Tunnel } from './tunnel.ts';

/** What a player has read when the accident happens. */
const SEEN = 1_000_000;
/** No transfer may hang: far above what giving up takes. */
export const BOUND = 90_000;

/** A player that has begun to read, and stands still until the test wants the rest. */
export class Player {
  private readonly response: IncomingMessage;
  private readonly tunnel: Tunnel;
  private readonly hash = createHash('sha256');
  private readonly copy = createHash('sha256');
  private length = 0;

  private constructor(response: IncomingMessage, tunnel: Tunnel) {
    this.response = response;
    this.tunnel = tunnel;
  }

  static async open(machine: Machine, uri: string): Promise<Player> {
    const { url } = await machine.json<LocalUrl>(['url', uri]);
    const tunnel = await Tunnel.open(machine.ns, '127.0.0.1', Number(new URL(url).port));
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      http.get(tunnel.through(url), { agent: false }, resolve).on('error', reject);
    });
    assert.equal(response.statusCode, 200);
    const player = new Player(response, tunnel);
    const { iterator } = response;
    for await (const chunk of iterator.call(response, { destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      player.take(chunk);
      if (player.length >= SEEN) break;
    }
    return player;
  }

  /** Reads to the end; rejects if there is none, or it comes too late. Gives the hash of all. */
  async rest(): Promise<string> {
    const timer = setTimeout(() => this.response.destroy(new Error('it hangs')), BOUND);
    try {
      for await (const chunk of this.response as AsyncIterable<Buffer>) this.take(chunk);
      if (!this.response.complete) throw new Error('cut off');
      return this.hash.digest('hex');
    } finally {
      clearTimeout(timer);
      await this.tunnel.close();
    }
  }

  /** Whether what came is how the file begins. */
  async isPrefix(file: string): Promise<void> {
    assert.equal(this.copy.digest('hex'), await hashFile(file, this.length));
  }

  leave(): void {
    this.response.destroy();
    void this.tunnel.close();
  }

  private take(chunk: Buffer): void {
    this.length += chunk.length;
    this.hash.update(chunk);
    this.copy.update(chunk);
  }
}

export async function hashFile(path: string, length = Infinity): Promise<string> {
  const hash = createHash('sha256');
  if (length > 0) for await (const chunk of createReadStream(path, { end: length - 1 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
