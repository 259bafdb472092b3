import { XpmnError } from '../kernel/errors.ts';
import { deferred } from '../kernel/tasks.ts';
import type { SecurityMethod } from '../ports/security.ts';
import type { Role } from '../ports/transport.ts';
import type { SecurityOffer } from './security-codec.ts';

/** What a method gives way to, if the peer knows it: the weaker is for peers that know nothing better, and for them alone. */
const GIVES_WAY_TO: ReadonlyMap<string, string> = new Map([['srp', 'srp-cb']]);

/** SHA-1 of the peer's certificate, if it announced that; other hashes can't be compared and count as none. */
export function announcedFingerprint(theirs: SecurityOffer): string | undefined {
  return theirs.fingerprint?.algo === 'sha1' ? theirs.fingerprint.hex : undefined;
}

/**
 * What both sides can use, in our order of preference. What the peer names without our having offered it does not count.
 * All methods are about a certificate: `srp` proves none, but the one that is announced is that of the device that pairs.
 *
 * SECURITY: a peer that names `srp-cb` is never met by `srp`, also if what else `srp-cb` needs was taken out of its offer.
 * @throws XpmnError `security-failed`: there is no `<security/>` (a downgrade, or a peer that doesn't know it), or
 * nothing in common
 */
export function commonMethods(ours: readonly SecurityMethod[], theirs: SecurityOffer | undefined): readonly [SecurityMethod, ...SecurityMethod[]] {
  if (!theirs) throw new XpmnError('security-failed', 'The peer does not secure the session.');
  const { methods } = theirs;
  const gaveWay = (name: string): boolean => methods.includes(GIVES_WAY_TO.get(name) ?? '');
  const common = announcedFingerprint(theirs) === undefined ? [] : ours.filter(({ name }) => methods.includes(name) && !gaveWay(name));
  const [best, ...others] = common;
  if (!best) throw new XpmnError('security-failed', 'There is no security method that both sides can use.');
  return [best, ...others];
}

/** The method that a security-info names. @throws XpmnError `security-failed` unless it is exactly one that was offered */
export function namedMethod(offered: readonly SecurityMethod[], info: SecurityOffer | undefined): SecurityMethod {
  const [name, ...more] = info?.methods ?? [];
  const method = offered.find((one) => one.name === name);
  if (!method || more.length > 0) throw new XpmnError('security-failed', 'The peer chose a security method that was not offered.');
  return method;
}

/**
 * How one session comes to its security method. The initiator decides; what it has decided stays in force, also when
 * the transport is replaced.
 *
 * @spec draft-meyer-xmpp-e2e-encryption 02 §3
 */
export class SecurityAgreement {
  private readonly chosen = deferred<SecurityMethod>();
  private readonly fingerprint: string;
  private offered: readonly SecurityMethod[];
  private picked: SecurityMethod | undefined;
  private theirs: SecurityOffer | undefined;

  constructor(ours: readonly SecurityMethod[], fingerprint: string) {
    this.offered = ours;
    this.fingerprint = fingerprint;
  }

  /** Ours, for the session-initiate, or (after `answer`) for the session-accept. */
  offer(): SecurityOffer {
    return { fingerprint: { algo: 'sha1', hex: this.fingerprint }, methods: this.offered.map(({ name }) => name) };
  }

  /** SHA-1 of the peer's certificate, as it announced it. */
  get theirFingerprint(): string | undefined {
    return this.theirs && announcedFingerprint(this.theirs);
  }

  /** What each side has named on the wire, in the session-initiate and in the session-accept. */
  methodsOf(role: Role): Readonly<Record<Role, readonly string[]>> {
    const [ours, theirs] = [this.offer().methods, this.theirs?.methods ?? []];
    return role === 'initiator' ? { initiator: ours, responder: theirs } : { initiator: theirs, responder: ours };
  }

  /** Resolves when the method is known. */
  get method(): Promise<SecurityMethod> {
    return this.chosen.promise;
  }

  /** Responder: narrows our offer to what is possible. With one method there is nothing to wait for. @throws as commonMethods */
  answer(theirs: SecurityOffer | undefined): void {
    this.offered = commonMethods(this.offered, theirs);
    this.theirs = theirs;
    const [only, ...more] = this.offered;
    if (only && more.length === 0) this.pick(only);
  }

  /** Initiator: chooses from the responder's answer; the name is for the security-info. @throws as commonMethods */
  choose(theirs: SecurityOffer | undefined): string {
    const [best] = commonMethods(this.offered, theirs);
    this.theirs = theirs;
    this.pick(best);
    return best.name;
  }

  /** Responder: the initiator's choice. Said twice it must be the same. @throws as namedMethod */
  named(info: SecurityOffer | undefined): void {
    const method = namedMethod(this.offered, info);
    if (this.picked && this.picked !== method) throw new XpmnError('security-failed', 'The peer chose two security methods.');
    this.pick(method);
  }

  private pick(method: SecurityMethod): void {
    this.picked = method;
    this.chosen.resolve(method);
  }
}
