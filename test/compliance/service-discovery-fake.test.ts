import { FakeServiceLink } from '../fakes/fake-service-discovery.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { describeServiceDiscovery } from './service-discovery.suite.ts';
import { passing } from '../support/passing.ts';

describeServiceDiscovery('in memory', async () => {
  const clock = new FakeClock();
  const link = new FakeServiceLink(clock);
  let machines = 0;
  return {
    open: (limits) => link.connect(`192.0.2.${(machines += 1)}`, limits),
    async stranger() {
      const sender = `192.0.2.${100 + (machines += 1)}`;
      return {
        say: async (service) => link.say({ ...service, sender }),
        goodbye: async (instance) => link.goodbye(instance),
        vanish: async (instance) => link.vanish(instance),
      };
    },
    address: (index) => `192.0.2.${200 + index}`,
    cut: () => link.cut(),
    mend: () => link.mend(),
    pass: passing(clock, settle),
    leftovers: () => clock.pending,
    close: async () => undefined,
  };
});
