import { XpmnError } from '../kernel/errors.ts';
import type { ControlName } from '../model/playback.ts';
import type { XmlElement } from '../model/xml.ts';
import type { PlaybackControl } from '../ports/playback-control.ts';
import type { IncomingIq, IqRegistry } from '../ports/stanza-channel.ts';
import { ownPeer } from './access.ts';
import { CONTROL_NAMESPACES, formatControl, formatControls, parseControlQuery, parseSetting } from './rendering-codec.ts';
import type { ControlNamespace } from './rendering-codec.ts';

export interface RenderingDeps {
  readonly control: PlaybackControl;
  readonly registry: IqRegistry;
}

/** Media Rendering Control, provider side (WIRE §2.6). It answers in the namespace that it was asked in. */
export function provideRendering({ control, registry }: RenderingDeps): void {
  function controls(iq: IncomingIq, ns: ControlNamespace): XmlElement {
    ownPeer(iq);
    return formatControls(control.controls, ns);
  }

  function get(iq: IncomingIq, ns: ControlNamespace): XmlElement {
    ownPeer(iq);
    const named = parseControlQuery(iq.payload);
    named.forEach(assertThere);
    const names = named.length > 0 ? named : control.controls;
    return formatControl(names.map((name) => control.variables.find((variable) => variable.name === name) ?? { name, value: undefined }), ns);
  }

  async function set(iq: IncomingIq): Promise<undefined> {
    const { jid } = ownPeer(iq);
    const variables = parseSetting(iq.payload);
    for (const { name } of variables) assertThere(name);
    await control.setVariables(variables, { by: jid, signal: iq.signal });
    return undefined;
  }

  function assertThere(name: ControlName): void {
    if (!control.controls.includes(name)) throw new XpmnError('not-found', 'This device has no such variable.');
  }

  for (const ns of CONTROL_NAMESPACES) {
    registry.handle({ ns, name: 'get-controls', type: 'get' }, (iq) => controls(iq, ns));
    registry.handle({ ns, name: 'control', type: 'get' }, (iq) => get(iq, ns));
    registry.handle({ ns, name: 'control', type: 'set' }, set);
  }
}
