import { XpmnError } from '../kernel/errors.ts';
import type { Jid } from '../model/jid.ts';
import type { XmlElement } from '../model/xml.ts';
import { formatKeyInfo, isOfOldName, isOfRemovedKey, isOwnCertificate, isSignedBy, keyInfoId, parseKeyInfo } from './keyinfo.ts';
import type { CertificateSignature, KeyInfo, KeyInfoLimits } from './keyinfo.ts';
import type { Network } from './network.ts';
import type { TrustSnapshot } from './snapshot.ts';

export interface CertificateItem {
  readonly id: string;
  readonly payload: XmlElement | undefined;
}

/** What one of our gateways knows about the certificates of its network. */
export interface CertificateView {
  readonly lists: TrustSnapshot;
  /** The bare JID of the account. */
  readonly account: Jid;
  /** DER of this gateway's own certificate, and of the user's. */
  readonly own: Buffer;
  readonly user: Buffer;
  /** Signs by the user key; undefined where that is not. */
  readonly sign: ((certificate: Buffer) => CertificateSignature) | undefined;
}

export function certificateView({ lists, bare, gateway, userCertificate, certificateSigner }: Network): CertificateView {
  return { lists: lists.snapshot, account: bare, own: gateway.certificate.der, user: userCertificate.der, sign: certificateSigner };
}

export interface CertificatePlan {
  readonly publish: readonly { readonly id: string; readonly payload: XmlElement }[];
  /** Ids of items whose certificates count no more. */
  readonly retract: readonly string[];
  /** This gateway's own certificate, with the user's signature if there is one. */
  readonly own: KeyInfo;
}

/**
 * What is to be changed about the certificates that lie on the account: every own device puts its own there, and the user's
 * if it is missing; where the user key is, the certificates of own devices are signed, and those whose key was removed, or
 * whose JID is an older one of its device, are taken away. What a list does not name is left alone, even if it was signed:
 * another may know a newer list. Pure.
 */
export function planCertificates(items: readonly CertificateItem[], view: CertificateView, limits: KeyInfoLimits): CertificatePlan {
  const { lists, own, sign } = view;
  const found = new Map<string, KeyInfo>();
  for (const { id, payload } of items) {
    const info = payload && tryParse(payload, limits);
    // An id that is not its certificate's is nobody's who looks for it.
    if (info && keyInfoId(info) === id) found.set(id, info);
  }
  const wanted = wantedCertificates(found, view);
  const isOld = (id: string, { certificate }: KeyInfo): boolean => !wanted.has(id) && (isOfRemovedKey(lists, certificate) || isOfOldName(lists, certificate));
  return {
    publish: [...wanted].filter(([id, info]) => found.get(id) !== info).map(([id, info]) => ({ id, payload: formatKeyInfo(info) })),
    retract: sign ? [...found].filter(([id, info]) => isOld(id, info)).map(([id]) => id) : [],
    own: wanted.get(keyInfoId({ certificate: own })) as KeyInfo,
  };
}

/**
 * The certificates that have to lie where others look for them, by id: the user's, the own one, and where the user key is,
 * those of own devices among the ones that were found, with its signature. Pure.
 */
export function wantedCertificates(found: ReadonlyMap<string, KeyInfo>, { lists, account, own, user, sign }: CertificateView): ReadonlyMap<string, KeyInfo> {
  const kept = (info: KeyInfo): [string, KeyInfo] => [keyInfoId(info), found.get(keyInfoId(info)) ?? info];
  const wanted = new Map([kept({ certificate: user, jid: account, signatures: [] }), kept({ certificate: own, signatures: [] })]);
  if (sign) {
    for (const [id, info] of [...found, ...wanted]) {
      if (!isOwnCertificate(lists, info.certificate)) continue;
      wanted.set(id, isSignedBy(info, user) ? info : { certificate: info.certificate, signatures: [sign(info.certificate)] });
    }
  }
  return wanted;
}

function tryParse(payload: XmlElement, limits: KeyInfoLimits): KeyInfo | undefined {
  try {
    return parseKeyInfo(payload, limits);
  } catch (error) {
    if (error instanceof XpmnError) return undefined;
    throw error;
  }
}
