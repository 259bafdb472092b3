import { readFile, readdir } from 'node:fs/promises';
import type { Clock, Random } from '../../src/xpmn/kernel/clock.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { PeerIdentity } from '../../src/xpmn/model/identity.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { PairingPin, PinAttempt } from '../../src/xpmn/ports/pairing-pin.ts';
import type { SecurityContext, SecurityMethod } from '../../src/xpmn/ports/security.ts';
import { createSrp } from '../../src/xpmn/jingle/security/srp/srp.ts';
import type { PinProof, SrpOptions } from '../../src/xpmn/jingle/security/srp/srp.ts';
import { waitUntil } from '../peers/wait.ts';
import { identity } from './secured-pair.ts';
import { settings } from './settings.ts';
import { PIN, juliet, romeo } from './srp-rig.ts';

/** A source of one PIN, or of none, that writes down what is asked of it. */
export class RecordedPin implements PairingPin {
  readonly events: string[] = [];
  private readonly pin: string | undefined;
  private readonly burn: () => Promise<void>;

  constructor(pin: string | undefined, burn: () => Promise<void> = () => Promise.resolve()) {
    this.pin = pin;
    this.burn = burn;
  }

  begin(peer: Jid): PinAttempt | undefined {
    this.events.push(`begin ${peer}`);
    if (this.pin === undefined) return undefined;
    return {
      pin: this.pin,
      burn: () => (this.events.push('burn'), this.burn()),
      done: (proven) => void this.events.push(`done ${proven}`),
      lost: () => undefined,
    };
  }
}

export interface SrpParty {
  readonly method: SecurityMethod;
  readonly pin: RecordedPin;
  /** What `identify` was asked. */
  readonly proofs: PinProof[];
}

export interface SrpPartyOptions {
  readonly pin?: RecordedPin;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly options?: Partial<SrpOptions>;
  readonly identify?: (proof: PinProof, signal: AbortSignal) => Promise<PeerIdentity>;
}

export const identities: Readonly<Record<string, PeerIdentity>> = { [romeo]: identity(romeo, 'a', 'pairing'), [juliet]: identity(juliet, 'b', 'pairing') };

export function srpParty({ pin = new RecordedPin(PIN), clock = systemClock, random = systemRandom, options = {}, identify }: SrpPartyOptions = {}): SrpParty {
  const proofs: PinProof[] = [];
  const method = createSrp({
    clock, random, pin,
    identify(proof, signal) {
      proofs.push(proof);
      return identify?.(proof, signal) ?? Promise.resolve(identities[proof.context.peer] as PeerIdentity);
    },
  }, { ...settings.srp, ...options });
  return { method, pin, proofs };
}

/** Romeo calls, Juliet answers. */
export function srpContext(role: SecurityContext['role'], changes: Partial<SecurityContext> = {}): SecurityContext {
  const [local, peer] = role === 'initiator' ? [romeo, juliet] : [juliet, romeo];
  return {
    role, local, peer,
    announcedFingerprint: undefined,
    methods: { initiator: ['srp'], responder: ['srp'] },
    accept: () => Promise.reject(new Error('there is no leaf to be judged')),
    signal: new AbortController().signal,
    ...changes,
  };
}

/** Parent and command line of a process; undefined if there is none, or it is a zombie. */
async function look(pid: number): Promise<{ readonly parent: number; readonly command: string } | undefined> {
  const [stat, command] = await Promise.all(['stat', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => ''))) as [string, string];
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' || state === 'Z' ? undefined : { parent: Number(parent), command };
}

export async function alive(pid: number): Promise<boolean> {
  return (await look(pid)) !== undefined;
}

/** Ids of the processes for TLS-SRP that this process has running. */
export async function srpProcesses(): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(look));
  return pids.filter((_, index) => found[index]?.parent === process.pid && found[index].command.includes('srp-process'));
}

export async function noSrpProcesses(): Promise<void> {
  await waitUntil('no process for TLS-SRP is left', async () => (await srpProcesses()).length === 0);
}
