import type { KeyObject } from 'node:crypto';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { issueCertificate } from '../../../src/xpmn/trust/certificate.ts';
import { keyNameOf } from '../../../src/xpmn/trust/keys.ts';
import type { ListContent, ListType } from '../../../src/xpmn/trust/list-document.ts';
import { issueList } from '../../../src/xpmn/trust/signed-list.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import type { TrustSnapshot } from '../../../src/xpmn/trust/snapshot.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { settings } from '../../support/settings.ts';

export const options = { ...settings.trust, xml: settings.xml.trustList };
export const NOW = Date.UTC(2026, 10, 22, 18);
export const DAY = 24 * 3600_000;

/** Somebody with a key and a certificate. */
export interface Somebody {
  readonly key: KeyObject;
  readonly name: KeyName;
  readonly leaf: Buffer;
}

export async function somebody(name: string): Promise<Somebody> {
  const key = await testKey(name);
  const { der } = issueCertificate({ clock: new FakeClock(NOW), random: new FakeRandom() }, options, key, { commonName: name });
  return { key, name: keyNameOf(key), leaf: der };
}

/** A line of a list: `roles` and `aliases` as needed. */
export function device(who: Somebody, jid: string, { roles = '', aliases = [] }: { roles?: string; aliases?: string[] } = {}): ListContent['devices'][number] {
  return { key: who.name, jid: parseJid(jid), roles: roles === '' ? [] : roles.split(' '), aliases: aliases.map(parseJid) };
}

export interface Draft {
  readonly devices?: ListContent['devices'];
  readonly friends?: readonly { who: Somebody; jid: string }[];
  readonly removed?: readonly Somebody[];
  /** When that was; by this very list, where it is not said. */
  readonly removedAt?: number;
  readonly issued?: number;
  readonly expires?: number;
  readonly seq?: number;
}

export function contentOf(type: ListType, network: Somebody, draft: Draft): ListContent {
  const { issued = NOW, expires = issued + 30 * DAY, seq = Math.floor(issued / 1000) } = draft;
  return {
    type, network: network.name, seq, issued, expires,
    devices: draft.devices ?? [],
    friends: (draft.friends ?? []).map(({ who, jid }) => ({ key: who.name, jid: parseJid(jid) })),
    removed: (draft.removed ?? []).map((who) => ({ key: who.name, at: draft.removedAt ?? issued })),
  };
}

/** A list of `network`, signed by its user, or by `host`. */
export function list(type: ListType, network: Somebody, draft: Draft, host?: Somebody): VerifiedList {
  return issueList(contentOf(type, network, draft), (host ?? network).key, options);
}

/** What a reader of exactly these lists knows; of one slot the last one counts. */
export function snapshot(network: Somebody, ...lists: VerifiedList[]): TrustSnapshot {
  const newest = new Map(lists.map((one) => [`${one.network} ${one.type} ${one.signer}`, one]));
  const removed = lists.map(({ network: of, type, signer, removed: gone }) => ({ network: of, type, signer, keys: new Set(gone.map(({ key }) => key)) }));
  return { network: network.name, lists: [...newest.values()], removed };
}
