import type { Device } from '../device/device.ts';
import type { Jid } from '../model/jid.ts';

/** A device that takes us for a stranger has heard nothing: it is asked once more, and then shown who we are. */
export async function askTwice<T>(own: Pick<Device, 'wasTurnedAway'>, device: Jid, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!own.wasTurnedAway(device)) throw error;
    return await ask();
  }
}
