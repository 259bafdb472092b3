import type { Controlled } from '../../src/app/control/handlers.ts';
import type { Setup } from '../../src/app/setup-api.ts';

const unused = (): Promise<never> => Promise.reject(new Error('unused'));

/** Changes of the state of which a test needs only these. */
export function fakeSetup(parts: Partial<Setup>): Setup {
  return { prepareInit: unused, prepareImport: unused, prepareRestore: unused, prepareBackup: unused, findNetworks: unused, prepareJoin: unused, prepareButtonJoin: unused, ...parts };
}

/** What the control API works on, of which a test needs only these. */
export function fakeControlled(parts: Partial<Controlled> & Pick<Controlled, 'gateway'>): Controlled {
  return { init: unused, importCredentials: unused, restore: unused, findNetworks: unused, join: unused, joinByButton: unused, ...parts };
}
