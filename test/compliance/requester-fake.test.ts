import { FakeRequester } from '../fakes/fake-requester.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { settings } from '../support/settings.ts';
import { describeRequester } from './requester.suite.ts';

describeRequester('in memory', async () => {
  const clock = new FakeClock();
  const limits = { ...settings.upnp.requester, bodyBytes: 65536 };
  const requester = new FakeRequester(clock, limits);
  return {
    requester,
    origin: 'http://127.0.0.1:8200',
    limits,
    set answer(answer: FakeRequester['answer']) {
      requester.answer = answer;
    },
    get answer() {
      return requester.answer;
    },
    expire: () => clock.advance(limits.timeout),
    close: async () => undefined,
  };
});
