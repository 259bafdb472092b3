import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';

/** What a schema makes checks a few documents in the life of a process: it is to be made soon, and to be small; not to be fast. */
const OPTIONS = { inlineRefs: false, code: { optimize: false }, meta: false, validateSchema: false };

/** Says whether a value is what the schema describes; if not, `errors` of it says why. The schema is the program's own. */
export function compileSchema(schema: object): ValidateFunction {
  // Its maker keeps all that it makes: each goes with what it has made.
  return new Ajv(OPTIONS).compile(schema);
}
