import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Unrecoverable, waitUntil } from '../peers/wait.ts';
import type { Machine } from './machine.ts';

const BOUND = 20_000;

/** What mpv did, in seconds of the film. */
export interface Played {
  readonly duration: number;
  /** Where it played after the jump. */
  readonly landed: number;
  /** Where it was when it was told to end: it really plays. */
  readonly ended: number;
}

/** Plays a URL in mpv without picture or sound, jumps to `percent`, and looks whether it goes on from there. */
export async function playAndSeek(machine: Machine, url: string, percent: number): Promise<Played> {
  const socket = join(machine.folder, 'mpv.sock');
  const options = ['--no-config', '--no-terminal', '--vo=null', '--ao=null', '--input-ipc-server=' + socket];
  const player = await machine.start('mpv', ['mpv', ...options, url]);
  try {
    const control = await waitUntil('mpv listens', () => MpvControl.open(socket), { timeout: BOUND });
    try {
      const duration = await control.wait('duration', (seconds) => seconds > 0);
      await control.wait('time-pos', (seconds) => seconds > 0);
      await control.command('seek', percent, 'absolute-percent');
      const target = (duration * percent) / 100;
      // MPEG-TS has no index: a player lands near
      const landed = await control.wait('time-pos', (seconds) => seconds > target - duration / 20);
      const ended = await control.wait('time-pos', (seconds) => seconds > landed + 1);
      return { duration, landed, ended };
    } finally {
      control.close();
    }
  } finally {
    await player.stop();
  }
}

/** mpv's JSON protocol: one document a line. */
class MpvControl {
  private readonly socket: ReturnType<typeof connect>;
  private readonly waiting = new Map<number, (data: unknown) => void>();
  private readonly ended: Promise<never>;
  private requests = 0;

  static async open(path: string): Promise<MpvControl> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new MpvControl(socket);
  }

  private constructor(socket: ReturnType<typeof connect>) {
    this.socket = socket;
    this.ended = new Promise((_, reject) => {
      socket.on('close', () => reject(new Unrecoverable('mpv has ended')));
    });
    this.ended.catch(() => undefined);
    socket.on('error', () => undefined);
    createInterface({ input: socket }).on('line', (line) => {
      const { request_id: id, data } = JSON.parse(line) as { request_id?: number; data?: unknown };
      if (id !== undefined) this.waiting.get(id)?.(data);
    });
  }

  command(...words: (string | number)[]): Promise<unknown> {
    this.requests += 1;
    const id = this.requests;
    const answered = new Promise<unknown>((resolve) => {
      this.waiting.set(id, (data) => {
        this.waiting.delete(id);
        resolve(data);
      });
    });
    this.socket.write(`${JSON.stringify({ command: words, request_id: id })}\n`);
    return Promise.race([answered, this.ended]);
  }

  wait(property: string, isWanted: (value: number) => boolean): Promise<number> {
    const look = async (): Promise<number | undefined> => {
      const value = await this.command('get_property', property);
      return typeof value === 'number' && isWanted(value) ? value : undefined;
    };
    return waitUntil(`mpv's ${property}`, look, { timeout: BOUND, interval: 50 });
  }

  close(): void {
    this.socket.destroy();
  }
}
