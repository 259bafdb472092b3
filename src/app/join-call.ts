import type { TcpTarget } from '../xpmn/jingle/transports/tcp.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { throwIfAborted, withDeadline } from '../xpmn/kernel/tasks.ts';
import { bareJid, withResource } from '../xpmn/model/jid.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import { compare } from '../xpmn/pairing/comparison.ts';
import type { Compared } from '../xpmn/pairing/comparison.ts';
import { deviceName } from '../xpmn/pairing/pairing-codec.ts';
import type { PairedParts } from '../xpmn/pairing/pairing-codec.ts';
import { askToJoin, callTime } from '../xpmn/pairing/pairing-joiner.ts';
import type { StanzaChannel } from '../xpmn/ports/stanza-channel.ts';
import { certificateFromDer } from '../xpmn/trust/certificate.ts';
import { issueCredentials } from '../xpmn/trust/device-credentials.ts';
import { generateKey, keyNameOf } from '../xpmn/trust/keys.ts';
import { resourceName } from '../xpmn/trust/names.ts';
import { Network } from '../xpmn/trust/network.ts';
import { callOverAccount } from './account-call.ts';
import type { OpenAccount, StoredAccount } from './account-store.ts';
import { trustOptions } from './gateway-settings.ts';
import type { Proof } from './newcomer.ts';
import { callToPair } from './pairing-call.ts';
import type { PairingCall } from './pairing-call.ts';
import type { SetupChange, SetupDeps } from './setup-api.ts';
import { takeOver } from './take-over.ts';

/** How the other machine is reached. */
export type Call = <T>(deps: SetupDeps, call: PairingCall, signal: AbortSignal, talk: (channel: StanzaChannel) => Promise<T>) => Promise<T>;

export function onLink(targets: readonly TcpTarget[]): Call {
  return (deps, ...rest) => callToPair(deps, targets, ...rest);
}

export function overAccount(account: OpenAccount): Call {
  return (deps, ...rest) => callOverAccount(deps, account, ...rest);
}

export interface JoinCall {
  readonly call: Call;
  readonly host: Jid;
  /** The PIN; undefined: a button. */
  readonly pin: string | undefined;
  /** Friendly name of this machine. */
  readonly name: string;
  /** Of an account that the user has named. */
  readonly typed?: OpenAccount | undefined;
  readonly replace: boolean;
}

/**
 * Calls as a device that nobody lists yet, under a name that it gives itself in the account of the other, and prepares to
 * become what the other side has made of it.
 * @throws XpmnError as `Setup.prepareJoin`
 */
export async function join(deps: SetupDeps, { call, host, pin, name, typed, replace }: JoinCall, signal: AbortSignal): Promise<SetupChange> {
  const { clock, config } = deps;
  const options = trustOptions(config);
  // The other side would find it out when the PIN is spent.
  deviceName(name, config.pairing);
  const key = await generateKey();
  const credentials = issueCredentials(deps, options, key, withResource(bareJid(host), resourceName(name, keyNameOf(key))), name);
  const { proof, number, explained } = proofOf(deps, pin);
  const { parts, compared } = await withDeadline({ clock, signal, delay: callTime(config.pairing), what: 'Pairing' }, (within) =>
    call(deps, { credentials, host, proof }, within, async (channel) => {
      const made = await number(channel, within);
      return { compared: made?.number, parts: await askToJoin(channel, { name, roles: ['host'], nonce: made?.nonce, certificate: credentials.certificate.der }, { ...config.pairing, ...config.trust }, { signal: within }) };
    })).catch((error: unknown) => Promise.reject(explained(error)));
  // It is this very certificate that was put on the account.
  const device = parts.jid === credentials.jid ? credentials : issueCredentials(deps, options, key, parts.jid, name);
  const joined = { name, device, userCertificate: certificateFromDer(parts.userCertificate), lists: parts.lists };
  const network = Network.judgeJoin(deps, options, joined);
  throwIfAborted(signal);
  const account = accountOf(parts, typed, device === credentials);
  return async () => {
    await takeOver(deps, joined, account, { replace });
    return { network, jid: parts.jid, isChecked: account !== undefined && account === typed, ...(compared !== undefined && { number: compared }) };
  };
}

interface Proving {
  readonly proof: Proof;
  /** Where nothing is proven, there is a number to compare. */
  number(channel: StanzaChannel, signal: AbortSignal): Promise<Compared | undefined>;
  /** What a failure says of the PIN. */
  explained(error: unknown): unknown;
}

function proofOf({ random }: SetupDeps, pin: string | undefined): Proving {
  if (pin !== undefined) {
    let isSpent = false;
    return {
      proof: { kind: 'pin', pin, spent: () => void (isSpent = true) },
      number: () => Promise.resolve(undefined),
      explained: (error) => (isSpent ? error : unused(error)),
    };
  }
  let exporter: Buffer = Buffer.alloc(0);
  return {
    proof: { kind: 'button', proven: (material) => void (exporter = material) },
    number: (channel, signal) => compare(channel, exporter, random, { signal }),
    explained: (error) => error,
  };
}

/** Whoever has not come to the proof may have been too late, or was cut off: nobody has learnt anything of the PIN. */
function unused(error: unknown): unknown {
  if (!(error instanceof XpmnError) || error.code !== 'security-failed') return error;
  return new XpmnError('peer-unavailable', 'It did not come to the PIN: the other machine takes in nobody any more, the connection broke, or somebody is in between. If it still shows the same PIN, that is good for another try; else run `xpmn pair start` there again.', { cause: error });
}

/** What was typed has just worked, from here; what the other machine tells works there. */
function accountOf({ jid, account }: PairedParts, typed: OpenAccount | undefined, isCertificateKept: boolean): StoredAccount | undefined {
  const { password, isLetIn, server, ca } = account ?? {};
  if (typed?.jid === bareJid(jid)) return typed;
  return password === undefined && !(isLetIn && isCertificateKept) ? undefined : { jid: bareJid(jid), password, server, ca };
}
