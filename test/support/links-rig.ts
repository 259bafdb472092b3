import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { TaskGroup } from '../../src/xpmn/kernel/tasks.ts';
import type { Path } from '../../src/xpmn/links/dialer.ts';
import { Links } from '../../src/xpmn/links/links.ts';
import type { LinkHandle } from '../../src/xpmn/links/links.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { StanzaChannel } from '../../src/xpmn/ports/stanza-channel.ts';
import { FakeChannel, FakeDialer, FakeSession } from '../fakes/fake-dialer.ts';
import { FakeClock, settle } from './fake-clock.ts';

export const peer = parseJid('romeo@home.test/nas');
export const gone = new XpmnError('peer-unavailable', 'Gone.');
export const HEAD_START = 1000;

/** The links of a device, whose attempts and streams the test makes. */
export class LinksRig {
  readonly clock = new FakeClock();
  readonly dialer = new FakeDialer();
  /** Another way, after the first; there is none unless the test says so. */
  readonly otherDialer = Object.assign(new FakeDialer(), { reachable: false });
  /** What failed in the background. */
  readonly failures: unknown[] = [];
  readonly tasks = new TaskGroup((error) => this.failures.push(error));
  /** Channels that were told of. */
  readonly began: StanzaChannel[] = [];
  readonly links = new Links(
    { clock: this.clock, dialers: [this.dialer, this.otherDialer], tasks: this.tasks, log: silentLogger, onChannel: (_peer, channel) => this.began.push(channel) }, { headStart: HEAD_START },
  );
  readonly link: LinkHandle = this.links.to(peer);

  /** Links that are known now. */
  get known(): number {
    return this.links.all().length;
  }

  async openChannel(path: Path = 'in-process'): Promise<FakeChannel> {
    const channel = new FakeChannel();
    this.link.addChannel({ application: channel, path });
    await settle(1);
    return channel;
  }

  addSession(path: Path = 'in-process'): FakeSession {
    const session = new FakeSession();
    this.link.addBytes({ application: session, path });
    return session;
  }

  async close(): Promise<void> {
    for (const { result } of [...this.dialer.attempts, ...this.otherDialer.attempts]) result.reject(gone);
    await this.tasks.close();
  }
}
