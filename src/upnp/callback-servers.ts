import { XpmnError } from '../xpmn/kernel/errors.ts';
import { SerialQueue } from '../xpmn/kernel/tasks.ts';
import { CallbackServer } from './callback-server.ts';
import type { Callback, CallbackDeps, CallbackHandler, CallbackOptions } from './callback-server.ts';

/** The listeners for events, one for each address that devices know this machine by: opened for the first who needs it, closed after the last. */
export class CallbackServers {
  private readonly deps: CallbackDeps;
  private readonly options: CallbackOptions;
  private readonly servers = new Map<string, CallbackServer>();
  private readonly closing = new Set<Promise<unknown>>();
  private readonly queue = new SerialQueue();
  private isClosed = false;

  constructor(deps: CallbackDeps, options: CallbackOptions) {
    this.deps = deps;
    this.options = options;
  }

  /** @throws XpmnError `unreachable` if the address can't be had, `aborted` after `close` */
  open(address: string, handler: CallbackHandler): Promise<Callback> {
    return this.queue.run(async () => {
      const server = await this.serverAt(address);
      const { url, path } = server.register(handler);
      return { url, release: () => this.release(address, server, path) };
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.queue.run(() => {
      for (const [address, server] of this.servers) this.drop(address, server);
    });
    await Promise.all(this.closing);
  }

  private async serverAt(address: string): Promise<CallbackServer> {
    if (this.isClosed) throw new XpmnError('aborted', 'Nobody listens for events any more.');
    const known = this.servers.get(address);
    if (known) return known;
    const server = new CallbackServer(this.deps, this.options);
    // With a port of the owner's choice, the one before it has to be gone.
    await Promise.all(this.closing);
    await server.listen(address);
    this.servers.set(address, server);
    return server;
  }

  private release(address: string, server: CallbackServer, path: string): void {
    server.unregister(path);
    if (server.isIdle && this.servers.get(address) === server) this.drop(address, server);
  }

  private drop(address: string, server: CallbackServer): void {
    this.servers.delete(address);
    const closed = server.closed.finally(() => this.closing.delete(closed));
    this.closing.add(closed);
    server.close();
  }
}
