import { createGenaRig } from '../support/gena-rig.ts';
import { describeEventSubscriber } from './event-subscriber.suite.ts';

describeEventSubscriber('over HTTP', async () => {
  const rig = await createGenaRig();
  const { patience, silentRetry, backOff } = rig.options;
  return {
    subscriber: rig.subscriber,
    device: rig.device,
    passPatience: () => rig.pass(patience),
    passPause: () => rig.pass(backOff.max * 1.25),
    passSilence: () => rig.pass(silentRetry * 1.25),
    leftovers: () => rig.leftovers(),
    close: () => rig.close(),
  };
});
