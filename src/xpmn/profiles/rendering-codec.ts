import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import type { ControlName, ControlVariable } from '../model/playback.ts';
import { childrenNamed, textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';

/** The namespace of Media Rendering Control, and the one that the thesis prints. */
export type ControlNamespace = typeof NS.control | typeof NS.controlAlias;

export const CONTROL_NAMESPACES: readonly ControlNamespace[] = [NS.control, NS.controlAlias];

interface Kind {
  /** As `<controls/>` tells it. */
  readonly attrs: Readonly<Record<string, string>>;
  /** Undefined for what is no value of it. */
  read(text: string): ControlVariable | undefined;
}

const KINDS: Readonly<Record<ControlName, Kind>> = {
  volume: {
    attrs: { type: 'integer', min: '0', max: '100', step: '1' },
    read: (text) => (/^\d{1,3}$/.test(text) && Number(text) <= 100 ? { name: 'volume', value: Number(text) } : undefined),
  },
  mute: {
    attrs: { type: 'boolean' },
    read: (text) => (['true', 'false', '1', '0'].includes(text) ? { name: 'mute', value: text === 'true' || text === '1' } : undefined),
  },
};

/** A question for variables; for all of them, if none is named. */
export function formatControlQuery(names: readonly ControlName[], ns: ControlNamespace = NS.control): XmlElement {
  return xml('control', ns, {}, names.map((name) => xml('variable', ns, { name })));
}

/** @throws XpmnError `bad-request`; `not-found` for one that nothing has */
export function parseControlQuery(control: XmlElement): ControlName[] {
  return variablesIn(control).map(nameIn);
}

/** Variables with their values: what is set, and what was asked for. A value that nobody knows is left out. */
export function formatControl(variables: readonly (ControlVariable | { readonly name: ControlName; readonly value: undefined })[], ns: ControlNamespace = NS.control): XmlElement {
  return xml('control', ns, {}, variables.map(({ name, value }) => xml('variable', ns, { name }, value === undefined ? undefined : String(value))));
}

/** A variable as an event carries it. */
export function formatVariable({ name, value }: ControlVariable): XmlElement {
  return xml('variable', NS.control, { name }, String(value));
}

/** Undefined for what is none that we know. */
export function parseVariable(variable: XmlElement): ControlVariable | undefined {
  const { name } = variable.attrs;
  return variable.name === 'variable' && isName(name) ? KINDS[name].read(textOf(variable).trim()) : undefined;
}

/** What is to be set, all or nothing. @throws XpmnError `bad-request`, also for one that is set twice; `not-found`, `not-acceptable` */
export function parseSetting(control: XmlElement): ControlVariable[] {
  const variables = variablesIn(control).map((element) => {
    const value = KINDS[nameIn(element)].read(textOf(element).trim());
    if (!value) throw new XpmnError('not-acceptable', 'That variable has no such value.');
    return value;
  });
  if (variables.length === 0) throw new XpmnError('bad-request', 'What to set is not said.');
  if (new Set(variables.map(({ name }) => name)).size < variables.length) throw new XpmnError('bad-request', 'A variable has one value.');
  return variables;
}

/** What an answer says, as far as it is understood. */
export function parseControl(control: XmlElement): ControlVariable[] {
  return variablesIn(control).flatMap((element) => parseVariable(element) ?? []);
}

/** `<controls/>`: which variables there are, and how to hear of them. */
export function formatControls(names: readonly ControlName[], ns: ControlNamespace = NS.control): XmlElement {
  return xml('controls', ns, {}, names.map((name) => xml('variable', ns, { name, ...KINDS[name].attrs, subscription: 'explicit' })));
}

/** Those of them that we know. */
export function parseControls(controls: XmlElement): ControlName[] {
  return variablesIn(controls).flatMap(({ attrs: { name } }) => (isName(name) ? [name] : []));
}

function variablesIn(parent: XmlElement): XmlElement[] {
  return childrenNamed(parent, 'variable', parent.ns);
}

function nameIn({ attrs: { name } }: XmlElement): ControlName {
  if (name === undefined) throw new XpmnError('bad-request', 'Which variable is not said.');
  if (!isName(name)) throw new XpmnError('not-found', 'There is no such variable.');
  return name;
}

function isName(name: string | undefined): name is ControlName {
  return name !== undefined && Object.hasOwn(KINDS, name);
}
