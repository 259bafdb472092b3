/** Namespaces of the XPMN profiles and core, as they go over the wire. Emitted always; aliases are accepted where read. */
export const NS = {
  client: 'jabber:client',
  mediaServer: 'urn:xmpp:media:server:0',
  mediaServerTransfer: 'urn:xmpp:media:server:0#transfer',
  mediaServerDirectory: 'urn:xmpp:media:server:0#directory',
  metadata: 'urn:xmpp:media:metadata:0',
  /** Media Playback Control. */
  player: 'urn:xmpp:media:player:0',
  /** Media Rendering Control. */
  control: 'urn:xmpp:media:control:0',
  /** As the thesis prints it. */
  controlAlias: 'urn:xmpp:tmp:media:control:0',
  /** What a device says of a node of its own: how others come to be told of what is on it. */
  events: 'urn:xmpp:xpmn:events:0',
  /** Bits of Binary: pictures. */
  bits: 'urn:xmpp:bob',
  outOfBand: 'urn:xmpp:jingle:apps:out-of-band:0',
  outOfBandAlias: 'urn:xmpp:jingle:apps:oob:0',
  xmlStream: 'urn:xmpp:jingle:apps:xmlstream:0',
  trust: 'urn:xmpp:xpmn:trust:0',
  trustFriends: 'urn:xmpp:xpmn:trust:0:friends',
  pubkey: 'urn:xmpp:pubkey:0',
  pairing: 'urn:xmpp:xpmn:pairing:0',
  management: 'urn:xmpp:xpmn:management:0',
  dataForm: 'jabber:x:data',
  rsm: 'http://jabber.org/protocol/rsm',
} as const;
