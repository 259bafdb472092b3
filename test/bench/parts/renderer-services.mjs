/*
 * What a UPnP MediaRenderer has: its services as tables, and the texts that follow from them.
 */
const escape = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const instance = { InstanceID: 'A_ARG_TYPE_InstanceID' };
const channel = { ...instance, Channel: 'A_ARG_TYPE_Channel' };
const media = {
  NrTracks: 'NumberOfTracks', MediaDuration: 'CurrentMediaDuration', CurrentURI: 'AVTransportURI', CurrentURIMetaData: 'AVTransportURIMetaData', NextURI: 'NextAVTransportURI',
  NextURIMetaData: 'NextAVTransportURIMetaData', PlayMedium: 'PlaybackStorageMedium', RecordMedium: 'RecordStorageMedium', WriteStatus: 'RecordMediumWriteStatus',
};
const position = {
  Track: 'CurrentTrack', TrackDuration: 'CurrentTrackDuration', TrackMetaData: 'CurrentTrackMetaData', TrackURI: 'CurrentTrackURI', RelTime: 'RelativeTimePosition',
  AbsTime: 'AbsoluteTimePosition', RelCount: 'RelativeCounterPosition', AbsCount: 'AbsoluteCounterPosition',
};
const connection = {
  RcsID: 'A_ARG_TYPE_RcsID', AVTransportID: 'A_ARG_TYPE_AVTransportID', ProtocolInfo: 'A_ARG_TYPE_ProtocolInfo', PeerConnectionManager: 'A_ARG_TYPE_ConnectionManager',
  PeerConnectionID: 'A_ARG_TYPE_ConnectionID', Direction: 'A_ARG_TYPE_Direction', Status: 'A_ARG_TYPE_ConnectionStatus',
};

/** Actions: name to what goes in and what comes out, each argument with its state variable. */
const ACTIONS = {
  AVTransport: {
    SetAVTransportURI: [{ ...instance, CurrentURI: 'AVTransportURI', CurrentURIMetaData: 'AVTransportURIMetaData' }, {}],
    GetMediaInfo: [instance, media],
    GetTransportInfo: [instance, { CurrentTransportState: 'TransportState', CurrentTransportStatus: 'TransportStatus', CurrentSpeed: 'TransportPlaySpeed' }],
    GetPositionInfo: [instance, position],
    GetDeviceCapabilities: [instance, { PlayMedia: 'PossiblePlaybackStorageMedia', RecMedia: 'PossibleRecordStorageMedia', RecQualityModes: 'PossibleRecordQualityModes' }],
    GetTransportSettings: [instance, { PlayMode: 'CurrentPlayMode', RecQualityMode: 'CurrentRecordQualityMode' }],
    Play: [{ ...instance, Speed: 'TransportPlaySpeed' }, {}],
    Pause: [instance, {}],
    Stop: [instance, {}],
    Seek: [{ ...instance, Unit: 'A_ARG_TYPE_SeekMode', Target: 'A_ARG_TYPE_SeekTarget' }, {}],
    Next: [instance, {}],
    Previous: [instance, {}],
  },
  RenderingControl: {
    ListPresets: [instance, { CurrentPresetNameList: 'PresetNameList' }],
    SelectPreset: [{ ...instance, PresetName: 'A_ARG_TYPE_PresetName' }, {}],
    GetVolume: [channel, { CurrentVolume: 'Volume' }],
    SetVolume: [{ ...channel, DesiredVolume: 'Volume' }, {}],
    GetMute: [channel, { CurrentMute: 'Mute' }],
    SetMute: [{ ...channel, DesiredMute: 'Mute' }, {}],
  },
  ConnectionManager: {
    GetProtocolInfo: [{}, { Source: 'SourceProtocolInfo', Sink: 'SinkProtocolInfo' }],
    GetCurrentConnectionIDs: [{}, { ConnectionIDs: 'CurrentConnectionIDs' }],
    GetCurrentConnectionInfo: [{ ConnectionID: 'A_ARG_TYPE_ConnectionID' }, connection],
  },
};

const EVENTED = ['LastChange', 'SourceProtocolInfo', 'SinkProtocolInfo', 'CurrentConnectionIDs'];
const TYPES = { Volume: 'ui2', Mute: 'boolean', A_ARG_TYPE_InstanceID: 'ui4', CurrentTrack: 'ui4', NumberOfTracks: 'ui4', RelativeCounterPosition: 'i4', AbsoluteCounterPosition: 'i4' };
const RANGES = { Volume: '<allowedValueRange><minimum>0</minimum><maximum>100</maximum><step>1</step></allowedValueRange>' };

export const SERVICES = Object.keys(ACTIONS);
export const serviceType = (service) => `urn:schemas-upnp-org:service:${service}:1`;

export function description({ name, udn, deviceType, path }) {
  const services = SERVICES.map((service) => `<service><serviceType>${serviceType(service)}</serviceType><serviceId>urn:upnp-org:serviceId:${service}</serviceId>
<SCPDURL>${path}/${service}.xml</SCPDURL><controlURL>${path}/${service}/control</controlURL><eventSubURL>${path}/${service}/event</eventSubURL></service>`);
  return `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion><device><deviceType>${deviceType}</deviceType>
<friendlyName>${escape(name)}</friendlyName><manufacturer>bench</manufacturer><modelName>bench</modelName><UDN>${udn}</UDN><serviceList>${services.join('')}</serviceList></device></root>`;
}

export function scpd(service) {
  const actions = Object.entries(ACTIONS[service]);
  const write = (parameters, direction) => Object.entries(parameters).map(([name, variable]) =>
    `<argument><name>${name}</name><direction>${direction}</direction><relatedStateVariable>${variable}</relatedStateVariable></argument>`).join('');
  const list = actions.map(([name, [given, answered]]) => `<action><name>${name}</name><argumentList>${write(given, 'in')}${write(answered, 'out')}</argumentList></action>`);
  const used = actions.flatMap(([, [given, answered]]) => [...Object.values(given), ...Object.values(answered)]);
  const variables = [...new Set([...used, ...(service === 'ConnectionManager' ? [] : ['LastChange'])])].map((name) =>
    `<stateVariable sendEvents="${EVENTED.includes(name) ? 'yes' : 'no'}"><name>${name}</name><dataType>${TYPES[name] ?? 'string'}</dataType>${RANGES[name] ?? ''}</stateVariable>`);
  return `<?xml version="1.0"?><scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major><minor>0</minor></specVersion><actionList>${list.join('')}</actionList>
<serviceStateTable>${variables.join('')}</serviceStateTable></scpd>`;
}

/** The action of a SOAP request and its arguments; undefined if the service has none of that name. */
export function readCall(service, header = '', body) {
  const action = /#(\w+)"?$/.exec(header)?.[1];
  const parameters = ACTIONS[service]?.[action]?.[0];
  if (!parameters) return undefined;
  const value = (name) => unescape(new RegExp(`<${name}(?: [^>]*)?>([^<]*)</${name}>`).exec(body)?.[1] ?? '');
  return { action, given: Object.fromEntries(Object.keys(parameters).map((name) => [name, value(name)])) };
}

/** `values` may have more than the action answers. */
export function answer(service, action, values) {
  const out = Object.keys(ACTIONS[service][action][1]).map((name) => `<${name}>${escape(values[name] ?? '')}</${name}>`).join('');
  return envelope(`<u:${action}Response xmlns:u="${serviceType(service)}">${out}</u:${action}Response>`);
}

export function fault(code, text) {
  return envelope(`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0">
<errorCode>${code}</errorCode><errorDescription>${text}</errorDescription></UPnPError></detail></s:Fault>`);
}

/** The text of a NOTIFY. */
export function propertySet(properties) {
  const list = Object.entries(properties).map(([name, value]) => `<e:property><${name}>${escape(value)}</${name}></e:property>`);
  return `<?xml version="1.0"?><e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0">${list.join('')}</e:propertyset>`;
}

/** A value of LastChange: variables of instance 0. */
export function lastChange(service, variables) {
  const [ns, extra] = service === 'AVTransport' ? ['AVT', ''] : ['RCS', ' channel="Master"'];
  const list = Object.entries(variables).map(([name, value]) => `<${name}${extra} val="${escape(value)}"/>`);
  return `<Event xmlns="urn:schemas-upnp-org:metadata-1-0/${ns}/"><InstanceID val="0">${list.join('')}</InstanceID></Event>`;
}

function envelope(content) {
  return `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>${content}</s:Body></s:Envelope>`;
}

function unescape(text) {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&');
}
