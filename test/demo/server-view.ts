import type { Prosody } from '../peers/prosody.ts';

export interface ServerView {
  /** Stanzas that the server handled, both ways. */
  readonly stanzas: number;
  /** All that it read and wrote, decrypted. */
  readonly bytes: number;
  /** Stanzas of the calls between the devices: proof that the record is of this run. */
  readonly calls: number;
  /** How often it came across each of the secrets, in plain text or under base64. */
  readonly found: number;
}

/** What an untrusted server could have written down. `secrets` are looked for as bytes. */
export async function serverView(prosody: Pick<Prosody, 'handledBytes'>, secrets: readonly Buffer[]): Promise<ServerView> {
  const handled = await prosody.handledBytes();
  const text = handled.toString('latin1');
  const undone = [...text.matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)].map(([base64]) => Buffer.from(base64, 'base64'));
  const found = [handled, ...undone].flatMap((place) => secrets.filter((secret) => place.includes(secret))).length;
  return {
    stanzas: [...text.matchAll(/^(?:in|out) \S+ </gm)].length,
    bytes: handled.length,
    calls: [...text.matchAll(/^(?:in|out) \S+ <iq[^\n]*urn:xmpp:jingle:1/gm)].length,
    found,
  };
}
