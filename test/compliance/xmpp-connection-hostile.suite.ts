import type { XmppConnection } from '../../src/xpmn/ports/xmpp-connection.ts';
import type { RogueXmppServer } from '../fakes/rogue-xmpp-server.ts';
import type { FakeClock } from '../support/fake-clock.ts';
export function describeHostileServer(_name: string, _server: RogueXmppServer, _connect: (clock: FakeClock) => XmppConnection): void {}
