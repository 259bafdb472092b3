import { describeSecuredStream } from './secured-stream.suite.ts';
import { securedPair, wiredPair } from '../support/secured-pair.ts';
import { settings } from '../support/settings.ts';

const { highWaterMark } = settings.inProcess;

describeSecuredStream('in-process', async () => ({ ...securedPair(), bound: 2 * highWaterMark + 65536 }));
describeSecuredStream('in-process, with the wire of the tests', async () => ({ ...wiredPair({ split: 1000 }), bound: 5 * highWaterMark + 65536 }));
