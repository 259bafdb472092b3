import { startProcess } from '../../peers/process.ts';
import type { ManagedProcess } from '../../peers/process.ts';
import { waitUntil } from '../../peers/wait.ts';

export interface Heard {
  /** Unix ms. */
  readonly at: number;
  readonly text: string;
}

/** What is said on some channel from now on, and when. */
export interface EventLog {
  /** All so far, in order. */
  heard(): readonly Heard[];
  /** The first one after `since` (Unix ms) that matches. */
  next(pattern: RegExp, since: number): Promise<Heard>;
  stop(): Promise<void>;
}

// A plain subscriber: none of the project's own code is in it. It prints a line for each NOTIFY, as soon as it has come.
const SUBSCRIBER = `
  import http from 'node:http';
  const [address, ...services] = process.argv.slice(1);
  const server = http.createServer(async (request, response) => {
    const at = Date.now();
    let text = '';
    for await (const chunk of request) text += chunk;
    response.end();
    process.stdout.write(JSON.stringify({ at, text }) + '\\n');
  });
  server.listen(0, address, () => {
    for (const service of services) {
      const headers = { CALLBACK: '<http://' + address + ':' + server.address().port + '/>', NT: 'upnp:event', TIMEOUT: 'Second-1800' };
      http.request(service, { method: 'SUBSCRIBE', headers }, (answer) => answer.resume()).end();
    }
  });
`;

/** The events of UPnP services, as a control point at `address` gets them. */
export async function listenToEvents(netns: string, address: string, services: readonly string[]): Promise<EventLog> {
  const argv = [process.execPath, '--input-type=module', '-e', SUBSCRIBER, address, ...services];
  const log = new LineLog(await startProcess('a subscriber', argv, { netns }), (line) => JSON.parse(line) as Heard);
  // Each tells first how it is.
  await waitUntil('the first events', () => log.heard().length >= services.length);
  return log;
}

/** Signals on a message bus, as its own monitor shows them: a text for each, its arguments in it. */
export async function listenToBus(address: string, rule: string): Promise<EventLog> {
  const monitor = await startProcess('dbus-monitor', ['stdbuf', '-oL', 'dbus-monitor', '--address', address, rule]);
  const log = new SignalLog(monitor);
  await monitor.said(/NameAcquired|NameLost|signal/);
  return log;
}

/** The lines of a process that prints a JSON document in each, with the time when they came. */
export function listenToLines(process: ManagedProcess): EventLog {
  return new LineLog(process, (line) => ({ at: Date.now(), text: line }));
}

class LineLog implements EventLog {
  private readonly process: ManagedProcess;
  private readonly all: Heard[] = [];
  private rest = '';

  constructor(process: ManagedProcess, read: (line: string) => Heard) {
    this.process = process;
    process.child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (this.rest + chunk).split('\n');
      this.rest = lines.pop() ?? '';
      this.all.push(...lines.map(read));
    });
  }

  heard(): readonly Heard[] {
    return this.all;
  }

  next(pattern: RegExp, since: number): Promise<Heard> {
    return nextIn(this, this.process, pattern, since);
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}

/** `signal time=SECONDS …`, then lines with its arguments until the next one. */
class SignalLog implements EventLog {
  private readonly process: ManagedProcess;
  private text = '';

  constructor(process: ManagedProcess) {
    this.process = process;
    process.child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (this.text += chunk));
  }

  heard(): readonly Heard[] {
    return this.text.split(/^(?=signal time=)/m).flatMap((text) => {
      const at = /^signal time=([\d.]+)/.exec(text)?.[1];
      return at === undefined ? [] : { at: Number(at) * 1000, text };
    });
  }

  next(pattern: RegExp, since: number): Promise<Heard> {
    return nextIn(this, this.process, pattern, since);
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}

function nextIn(log: EventLog, process: ManagedProcess, pattern: RegExp, since: number): Promise<Heard> {
  const find = (): Heard | undefined => {
    if (!process.running) throw new Error(`${process.name} ended: ${process.output().slice(-1000)}`);
    return log.heard().find(({ at, text }) => at >= since && pattern.test(text));
  };
  return waitUntil(`${process.name} says ${String(pattern)}`, find, { timeout: 15_000, interval: 2 });
}
