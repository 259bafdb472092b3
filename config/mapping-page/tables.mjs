/**
 * The tables of the page, in its order: where each is exported, and how one of its rows is read. `name` is the word of the other
 * side, `to` ours or undefined, `lost` what does not come over.
 */
export const TABLES = [
  {
    title: 'UPnP AVTransport:1',
    of: 'AVTransport',
    to: 'Media Playback Control',
    file: 'av-transport.ts', table: 'AV_TRANSPORT_MAPPING',
    row: ({ kind, upnp, here, note }) => ({ kind, name: upnp, to: here, lost: note }),
  },
  {
    title: 'UPnP RenderingControl:1',
    of: 'RenderingControl',
    to: 'Media Rendering Control',
    file: 'rendering-control.ts', table: 'RENDERING_CONTROL_MAPPING',
    row: ({ kind, upnp, here, note }) => ({ kind, name: upnp, to: here, lost: note }),
  },
];
