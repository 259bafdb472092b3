/** @spec UPnP-ConnectionManager v3 §2.3.1 (protocolInfo) */
export interface ProtocolInfo {
  /** Lower case, e.g. `http-get`. */
  readonly protocol: string;
  /** Lower-case MIME type without parameters; undefined for `*` and for what is none. */
  readonly mimeType: string | undefined;
  /** `DLNA.ORG_PN`, upper case. */
  readonly profile: string | undefined;
  /** `DLNA.ORG_CI`: the server would convert the content to deliver it. */
  readonly converted: boolean;
  /** As written, for whoever must repeat it. */
  readonly text: string;
}

const MIME = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/;

/** `protocol:network:contentFormat:additionalInfo`; missing fields are `*`. Never throws. */
export function parseProtocolInfo(text: string | undefined): ProtocolInfo {
  const [protocol = '', , format = '*', ...rest] = (text ?? '').trim().split(':');
  const additional = new Map<string, string>();
  for (const pair of rest.join(':').split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0) additional.set(pair.slice(0, equals).trim().toUpperCase(), pair.slice(equals + 1).trim().toUpperCase());
  }
  const mimeType = (format.split(';')[0] as string).trim().toLowerCase();
  return {
    protocol: protocol.trim().toLowerCase(),
    mimeType: MIME.test(mimeType) ? mimeType : undefined,
    profile: additional.get('DLNA.ORG_PN'),
    converted: additional.get('DLNA.ORG_CI') === '1',
    text: text ?? '',
  };
}

/** The fourth field as it is written, for players that compare it with what the server says; undefined where it says nothing. */
export function additionalInfo(text: string): string | undefined {
  const field = text.trim().split(':').slice(3).join(':');
  return /^[\x21-\x7e]{2,512}$/.test(field) ? field : undefined;
}
