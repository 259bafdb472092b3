const TEXT = { type: 'string', minLength: 1, maxLength: 4096 };
const LONGEST = 1e9;

/** Seconds from the start of an item. */
export const SECONDS = { type: 'number', minimum: 0, maximum: LONGEST };

/** JSON Schema of a list to play. */
export const ITEMS = {
  type: 'array', minItems: 1, maxItems: 1000,
  items: { type: 'object', oneOf: [exactly({ uri: TEXT }), ...['file', 'url'].map((name) => exactly({ [name]: TEXT }, { title: TEXT }))] },
};

const TARGET = {
  type: 'object',
  oneOf: [exactly({ position: SECONDS }), exactly({ offset: { type: 'number', minimum: -LONGEST, maximum: LONGEST } }), exactly({ percent: { type: 'number', minimum: 0, maximum: 100 } })],
};

const VARIABLE = {
  type: 'object',
  oneOf: [exactly({ name: { const: 'volume' }, value: { type: 'integer', minimum: 0, maximum: 100 } }), exactly({ name: { const: 'mute' }, value: { type: 'boolean' } })],
};

/** JSON Schema of a PlayerCommand. */
export const COMMAND = {
  type: 'object',
  oneOf: [
    exactly({ name: { enum: ['play', 'pause', 'stop', 'next', 'previous', 'close'] } }),
    exactly({ name: { const: 'seek' }, target: TARGET }),
    exactly({ name: { const: 'jump' }, index: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } }),
    exactly({ name: { const: 'set' }, variable: VARIABLE }),
  ],
};

/** All of these, maybe some of those, and nothing else. */
function exactly(properties: Readonly<Record<string, object>>, optional: Readonly<Record<string, object>> = {}): object {
  return { properties: { ...properties, ...optional }, required: Object.keys(properties), additionalProperties: false };
}
