import type { ErrorCode } from '../kernel/errors.ts';

/** A way to log in: the `kind` of its credentials. */
export type LoginWay = 'password' | 'certificate' | 'token';

/**
 * How far this device's certificate has come at the server:
 *
 *     none · made ─added─▶ added ─a login worked─▶ proven
 *                            └──────refused──────▶ refused ◀──refused── proven
 *
 * A refused one is not added again: its owner may have revoked it. With a new one all begins anew.
 */
export type CertificateState = 'none' | 'made' | 'added' | 'proven' | 'refused';

/** The same for a token, which the server gives, and lets expire. */
export type TokenState = 'none' | 'given' | 'proven' | 'refused';

/** What there is to log in with. It is to be remembered across restarts. */
export interface LoginMeans {
  readonly hasPassword: boolean;
  readonly certificate: CertificateState;
  readonly token: TokenState;
}

/** What the server has; undefined while nobody has looked. */
export interface LoginOffers {
  /** It takes certificates from its users: `findClientCertificates` finds something. */
  readonly certificates: boolean | undefined;
}

export interface LoginPlan {
  /** How to log in next; undefined: there is nothing to do it with, and only the owner can help. */
  readonly by: LoginWay | undefined;
  /** What to do once online by that. */
  readonly then: 'look-for-certificates' | 'add-certificate' | undefined;
  /** Whether a login by the password is to ask for a token, should the server have such. */
  readonly wantsToken: boolean;
  /** SECURITY: only once a login by certificate has worked, and while it does: else the owner would be locked out. */
  readonly mayForgetPassword: boolean;
}

/** How to log in, best first: a certificate that the server has, a token, the password; what was refused only for want of anything else. */
export function planLogin({ hasPassword, certificate, token }: LoginMeans, { certificates }: LoginOffers): LoginPlan {
  const by = wayOf({ hasPassword, certificate, token });
  return {
    by,
    then: by === undefined || certificate !== 'made' ? undefined : certificates === undefined ? 'look-for-certificates' : certificates ? 'add-certificate' : undefined,
    wantsToken: by === 'password' && (certificate !== 'made' || certificates === false),
    mayForgetPassword: hasPassword && certificate === 'proven',
  };
}

function wayOf({ hasPassword, certificate, token }: LoginMeans): LoginWay | undefined {
  if (certificate === 'added' || certificate === 'proven') return 'certificate';
  if (token === 'given' || token === 'proven') return 'token';
  if (hasPassword) return 'password';
  // Somebody else may have added it, or the server may have changed its mind.
  return certificate === 'none' ? undefined : 'certificate';
}

/** What is left after a login `by` that way: `outcome` is how it ended. Only what the proven server said changes anything. */
export function afterLogin(means: LoginMeans, by: LoginWay, outcome: 'online' | ErrorCode): LoginMeans {
  if (by === 'password') return means;
  if (outcome === 'online') return { ...means, [by]: 'proven' };
  return outcome === 'login-failed' || outcome === 'not-supported' ? { ...means, [by]: 'refused' } : means;
}
