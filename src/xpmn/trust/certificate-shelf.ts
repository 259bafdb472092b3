import { EventEmitter } from 'node:events';
import { XpmnError } from '../kernel/errors.ts';
import type { XmlElement } from '../model/xml.ts';
import { formatKeyInfo, isOwnCertificate, keyInfoId, parseKeyInfo } from './keyinfo.ts';
import type { KeyInfo, KeyInfoLimits } from './keyinfo.ts';
import { wantedCertificates } from './published-certificates.ts';
import type { CertificateItem, CertificateView } from './published-certificates.ts';

export interface ShelfLimits extends KeyInfoLimits {
  /** Certificates that are kept. */
  readonly certificates: number;
}

export interface ShelfItem {
  readonly id: string;
  readonly payload: XmlElement;
}

/**
 * The certificates of own devices, as the management device shows them: what each of them brings, and what lies on the
 * account, signed by the user key. Only what is of an own device by the newest lists is taken, and shown only as long as
 * that holds. In memory: every device brings its own again, and nothing of ours is decided by it.
 */
export class CertificateShelf extends EventEmitter<{ changed: [item: ShelfItem] }> {
  private readonly view: () => CertificateView;
  private readonly limits: ShelfLimits;
  private brought: ReadonlyMap<string, KeyInfo> = new Map();
  /** What is shown, as long as the lists and the own certificate are these. */
  private shown: { readonly view: CertificateView; readonly items: readonly ShelfItem[] } | undefined;

  constructor(view: () => CertificateView, limits: ShelfLimits) {
    super();
    this.view = view;
    this.limits = limits;
  }

  all(): readonly ShelfItem[] {
    const view = this.view();
    if (this.shown?.view.lists !== view.lists || this.shown.view.own !== view.own) {
      this.brought = wantedCertificates(this.brought, view);
      this.shown = { view, items: [...this.brought].map(([id, info]) => ({ id, payload: formatKeyInfo(info) })) };
    }
    return this.shown.items;
  }

  /** Takes a certificate, under the id that is its own. @throws XpmnError `malformed`, `too-large`, `not-acceptable`, `resource-limit` */
  put(payload: XmlElement): string {
    const { certificate, signatures } = parseKeyInfo(payload, this.limits);
    const id = keyInfoId({ certificate });
    if (!isOwnCertificate(this.view().lists, certificate)) throw new XpmnError('not-acceptable', 'That is not the certificate of an own device.');
    if (this.all().some((item) => item.id === id)) return id;
    if (this.brought.size >= this.limits.certificates) throw new XpmnError('resource-limit', `No more than ${this.limits.certificates} certificates are kept.`);
    this.brought = new Map([...this.brought, [id, { certificate, signatures }]]);
    this.shown = undefined;
    const item = this.all().find((shown) => shown.id === id);
    if (item) this.emit('changed', item);
    return id;
  }

  /** Takes what is one of ours among what lies on the account, whoever put it there. */
  offer(items: readonly CertificateItem[]): void {
    for (const { payload } of items) {
      try {
        if (payload) this.put(payload);
      } catch (error) {
        if (!(error instanceof XpmnError)) throw error;
      }
    }
  }
}
