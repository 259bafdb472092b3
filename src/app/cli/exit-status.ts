import type { ErrorCode, ErrorFamily, XpmnError } from '../../xpmn/kernel/errors.ts';

/** 0 done, 1 refused or failed, 2 usage, 3 could not reach, 4 not paired or not trusted. */
const BY_FAMILY: { readonly [F in ErrorFamily]: number } = { unreachable: 3, nonsense: 1, refused: 1 };
const BY_CODE: { readonly [C in ErrorCode]?: number } = {
  'usage': 2, 'aborted': 1, 'not-trusted': 4, 'security-failed': 4, 'security-required': 4, 'server-untrusted': 4,
};

export function exitStatus(error: XpmnError): number {
  return BY_CODE[error.code] ?? BY_FAMILY[error.family];
}
