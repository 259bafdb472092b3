import { XpmnError } from '../xpmn/kernel/errors.ts';
import type { SignalMatch } from './bus.ts';
import { BUS } from './bus-connection.ts';

/** Which signals the bus is to send us. @throws XpmnError `bad-request`, as all of these */
export function ruleOf({ sender, path, interface: of, member }: SignalMatch): string {
  const parts = { type: 'signal', sender, path, interface: of, member };
  const given = Object.entries(parts).filter(([, value]) => value !== undefined);
  return given.map(([key, value]) => `${key}='${checked(value as string)}'`).join(',');
}

/** Who owns that name. */
export function ownerRule(name: string): string {
  return `${ruleOf({ sender: BUS, interface: BUS, member: 'NameOwnerChanged' })},arg0='${checked(name)}'`;
}

/** Who owns any name below that prefix. */
export function spaceRule(prefix: string): string {
  return `${ruleOf({ sender: BUS, interface: BUS, member: 'NameOwnerChanged' })},arg0namespace='${checked(prefix)}'`;
}

/** Names and paths have no quotes, and nothing else that could end a part of a rule. */
function checked(value: string): string {
  if (!/^[\w.:/-]{1,255}$/.test(value)) throw new XpmnError('bad-request', 'That is no name of the message bus.');
  return value;
}
