import net from 'node:net';
import { XpmnError } from '../xpmn/kernel/errors.ts';

/** Who reads a connection at a time. Called synchronously, in order; `ended` is the last call. */
export interface ConnectionReader {
  /** Where the next bytes should go; stays the same until `bytes`. Undefined: into a buffer of the connection's own. */
  buffer(): Buffer | undefined;
  /**
   * `count` bytes are in `buffer`: not always the one asked for last, since the system got its buffer before the reader
   * was there, or before it paused. A buffer of the connection's own is only valid during the call. False stops reading
   * until `resume`.
   */
  bytes(count: number, buffer: Buffer): boolean;
  ended(error: Error | undefined): void;
}

/**
 * A TCP connection to an origin that reads straight into its reader's buffers: no buffer is allocated per read and no
 * byte is copied on its way (`onread`). One reader at a time; between two requests there is none, and any byte or end
 * then closes it.
 */
export class OriginConnection {
  readonly host: string;
  private readonly socket: net.Socket;
  private readonly own: Buffer;
  private reader: ConnectionReader | undefined;
  private failure: Error | undefined;
  private readonly onClosed = new Set<() => void>();

  constructor(url: URL, bufferSize: number) {
    this.host = url.host;
    this.own = Buffer.allocUnsafeSlow(bufferSize);
    this.socket = net.connect({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? 80 : Number(url.port),
      noDelay: true,
      onread: {
        buffer: () => this.reader?.buffer() ?? this.own,
        callback: (count, buffer) => this.took(count, buffer as Buffer),
      },
    });
    this.socket.on('error', (error) => (this.failure = error));
    this.socket.on('end', () => this.finish());
    this.socket.on('close', () => {
      this.finish();
      for (const listener of this.onClosed) listener();
    });
  }

  get isOpen(): boolean {
    return !this.socket.destroyed && this.socket.writable;
  }

  /** Gives the connection to `reader` and writes a request. */
  begin(reader: ConnectionReader, request: string): void {
    this.reader = reader;
    this.socket.write(request, 'latin1');
    this.resume();
  }

  resume(): void {
    this.socket.resume();
  }

  /** The exchange is complete: the connection may serve another one. */
  release(): void {
    this.reader = undefined;
    this.resume();
  }

  destroy(): void {
    this.reader = undefined;
    this.socket.destroy();
  }

  whenClosed(listener: () => void): void {
    this.onClosed.add(listener);
  }

  private took(count: number, buffer: Buffer): boolean {
    if (this.reader) return this.reader.bytes(count, buffer);
    // Nothing was asked: whoever answers anyway is not to be trusted with the next question.
    this.socket.destroy();
    return false;
  }

  private finish(): void {
    const { reader } = this;
    this.reader = undefined;
    if (this.failure) reader?.ended(new XpmnError('origin-unreachable', 'The media server could not be reached.', { cause: this.failure }));
    else reader?.ended(undefined);
    this.socket.destroy();
  }
}
