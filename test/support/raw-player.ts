import net from 'node:net';
import type { Socket } from 'node:net';

/** An answer as it came, framing undone as its head says. */
export interface RawAnswer {
  readonly status: number;
  readonly version: string;
  /** Names as they were written, first value. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** The body came to an end that its framing shows; one that ends with the connection always does, unless that was reset. */
  readonly isComplete: boolean;
}

/** A player on a bare socket: it says exactly what it is told, and sees exactly what comes. */
export class RawPlayer {
  readonly socket: Socket;
  private received = Buffer.alloc(0);
  private state: 'open' | 'ended' | 'reset' = 'open';
  private wake: () => void = () => undefined;

  constructor({ hostname, port }: URL) {
    this.socket = net.connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
    this.socket.on('error', () => (this.state = 'reset'));
    this.socket.on('data', (bytes: Buffer) => {
      this.received = Buffer.concat([this.received, bytes]);
      this.wake();
    });
    this.socket.on('end', () => (this.state = 'ended'));
    this.socket.on('close', () => {
      if (this.state === 'open') this.state = 'reset';
      this.wake();
    });
  }

  /** Lines of a request; the empty one is added. */
  say(...lines: string[]): void {
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  }

  async answer({ isHead = false } = {}): Promise<RawAnswer> {
    while (!this.received.includes('\r\n\r\n') && this.state === 'open') await this.more();
    const end = this.received.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`No answer; the connection is ${this.state}.`);
    const [first = '', ...lines] = this.received.toString('latin1', 0, end).split('\r\n');
    this.received = this.received.subarray(end + 4);
    const match = /^(HTTP\/1\.[01]) (\d{3})/.exec(first);
    const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
    const head = { version: match?.[1] ?? '', status: Number(match?.[2]), headers };
    const length = headers.get('Content-Length');
    if (isHead || head.status === 304) return { ...head, body: Buffer.alloc(0), isComplete: true };
    if (headers.get('Transfer-Encoding') === 'chunked') return { ...head, ...(await this.chunks()) };
    return { ...head, ...(await this.bytes(length === undefined ? undefined : Number(length))) };
  }

  get isOpen(): boolean {
    return this.state === 'open';
  }

  closed(): Promise<void> {
    return new Promise((resolve) => (this.socket.closed ? resolve() : void this.socket.once('close', () => resolve())));
  }

  leave(): void {
    this.socket.destroy();
  }

  private async bytes(length: number | undefined): Promise<Pick<RawAnswer, 'body' | 'isComplete'>> {
    while (this.state === 'open' && (length === undefined || this.received.length < length)) await this.more();
    const body = this.received.subarray(0, length);
    this.received = this.received.subarray(body.length);
    return { body, isComplete: length === undefined ? this.state === 'ended' : body.length === length };
  }

  private async chunks(): Promise<Pick<RawAnswer, 'body' | 'isComplete'>> {
    const parts: Buffer[] = [];
    for (;;) {
      while (!this.received.includes('\r\n') && this.state === 'open') await this.more();
      const line = this.received.indexOf('\r\n');
      const size = line < 0 ? NaN : parseInt(this.received.toString('latin1', 0, line), 16);
      while (this.received.length < line + 2 + size + 2 && this.state === 'open') await this.more();
      if (Number.isNaN(size) || this.received.length < line + 2 + size + 2) return { body: Buffer.concat(parts), isComplete: false };
      parts.push(this.received.subarray(line + 2, line + 2 + size));
      this.received = this.received.subarray(line + 2 + size + 2);
      if (size === 0) return { body: Buffer.concat(parts), isComplete: true };
    }
  }

  private more(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }
}
