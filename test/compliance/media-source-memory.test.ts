import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { memorySource } from '../fakes/memory-source.ts';
import { describeMediaSource } from './media-source.suite.ts';

const missing = (): Promise<never> => Promise.reject(new XpmnError('not-found', 'There is no such file.'));

describeMediaSource('memory (fake)', {
  source: (content) => Promise.resolve(memorySource(content)),
  truncated: (content, endAfter) => Promise.resolve(memorySource(content, { endAfter })),
  missing: () => Promise.resolve({ open: missing, probe: missing }),
});
