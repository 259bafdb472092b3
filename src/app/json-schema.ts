import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';

/** What a schema makes checks a few documents in the life of a process: it is to be made soon, and to be small; not to be fast. */
const ajv = new Ajv({ inlineRefs: false, code: { optimize: false } });

/** Says whether a value is what the schema describes; if not, `errors` of it says why. The schema is the program's own. */
export function compileSchema(schema: object): ValidateFunction {
  return ajv.compile(schema);
}
