import assert from 'node:assert/strict';
import { ERROR_CODES, XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { isFinal } from '../../../src/xpmn/xmpp/connection/stream-errors.ts';
import { afterLogin, planLogin } from '../../../src/xpmn/xmpp/login-choice.ts';
import type { CertificateState, LoginMeans, LoginPlan, LoginWay, TokenState } from '../../../src/xpmn/xmpp/login-choice.ts';

const CERTIFICATES: readonly CertificateState[] = ['none', 'made', 'added', 'proven', 'refused'];
const TOKENS: readonly TokenState[] = ['none', 'given', 'proven', 'refused'];
const WAYS: readonly LoginWay[] = ['certificate', 'token', 'password'];

type Row = readonly [hasPassword: boolean, certificate: CertificateState, token: TokenState, by: LoginWay | undefined];

/** Every cell. */
const BY: readonly Row[] = [
  [true, 'none', 'none', 'password'], [true, 'none', 'given', 'token'], [true, 'none', 'proven', 'token'], [true, 'none', 'refused', 'password'],
  [true, 'made', 'none', 'password'], [true, 'made', 'given', 'token'], [true, 'made', 'proven', 'token'], [true, 'made', 'refused', 'password'],
  [true, 'added', 'none', 'certificate'], [true, 'added', 'given', 'certificate'], [true, 'added', 'proven', 'certificate'], [true, 'added', 'refused', 'certificate'],
  [true, 'proven', 'none', 'certificate'], [true, 'proven', 'given', 'certificate'], [true, 'proven', 'proven', 'certificate'], [true, 'proven', 'refused', 'certificate'],
  [true, 'refused', 'none', 'password'], [true, 'refused', 'given', 'token'], [true, 'refused', 'proven', 'token'], [true, 'refused', 'refused', 'password'],
  [false, 'none', 'none', undefined], [false, 'none', 'given', 'token'], [false, 'none', 'proven', 'token'], [false, 'none', 'refused', undefined],
  [false, 'made', 'none', 'certificate'], [false, 'made', 'given', 'token'], [false, 'made', 'proven', 'token'], [false, 'made', 'refused', 'certificate'],
  [false, 'added', 'none', 'certificate'], [false, 'added', 'given', 'certificate'], [false, 'added', 'proven', 'certificate'], [false, 'added', 'refused', 'certificate'],
  [false, 'proven', 'none', 'certificate'], [false, 'proven', 'given', 'certificate'], [false, 'proven', 'proven', 'certificate'], [false, 'proven', 'refused', 'certificate'],
  [false, 'refused', 'none', 'certificate'], [false, 'refused', 'given', 'token'], [false, 'refused', 'proven', 'token'], [false, 'refused', 'refused', 'certificate'],
];

const plan = (hasPassword: boolean, certificate: CertificateState, token: TokenState, certificates?: boolean): LoginPlan => planLogin({ hasPassword, certificate, token }, { certificates });

describe('how to log in next', () => {
  it('is said for every cell', () => assert.equal(new Set(BY.map((row) => row.slice(0, 3).join())).size, 2 * CERTIFICATES.length * TOKENS.length));

  for (const [hasPassword, certificate, token, by] of BY) {
    it(`${hasPassword ? 'password' : 'no password'}, certificate ${certificate}, token ${token}: ${by ?? 'nothing'}`, () => {
      for (const certificates of [undefined, true, false]) {
        const { by: chosen, then, wantsToken, mayForgetPassword } = plan(hasPassword, certificate, token, certificates);
        assert.equal(chosen, by);
        // Never on account of anything but a certificate that has let this device in.
        assert.equal(mayForgetPassword, hasPassword && certificate === 'proven');
        const step = { undefined: 'look-for-certificates', true: 'add-certificate', false: undefined }[String(certificates)];
        assert.equal(then, certificate === 'made' && by !== undefined ? step : undefined);
        assert.equal(wantsToken, by === 'password' && (certificate !== 'made' || certificates === false));
      }
    });
  }
});

describe('what a login leaves', () => {
  const means: LoginMeans = { hasPassword: true, certificate: 'added', token: 'given' };

  it('changes only what it was made by', () => {
    assert.deepEqual(afterLogin(means, 'certificate', 'online'), { ...means, certificate: 'proven' });
    assert.deepEqual(afterLogin(means, 'token', 'online'), { ...means, token: 'proven' });
    assert.deepEqual(afterLogin(means, 'certificate', 'login-failed'), { ...means, certificate: 'refused' });
    assert.deepEqual(afterLogin(means, 'token', 'not-supported'), { ...means, token: 'refused' });
  });

  it('is what it was after anything that somebody on the path can cause, and after a password', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const counts = isFinal(new XpmnError(code, '')) && code !== 'conflict';
      for (const by of WAYS) assert.equal(afterLogin(means, by, code) === means, by === 'password' || !counts, `${by} ${code}`);
    }
    assert.equal(afterLogin(means, 'password', 'online'), means);
  });

  /** Plays until nothing changes: which ways work, whether the server takes certificates. */
  function play(works: readonly LoginWay[], certificates: boolean, begin: LoginMeans): { means: LoginMeans; tried: string[] } {
    let now = begin;
    let offers: { certificates: boolean | undefined } = { certificates: undefined };
    const tried: string[] = [];
    for (let step = 0; step < 10; step += 1) {
      const { by, then, wantsToken, mayForgetPassword } = planLogin(now, offers);
      if (mayForgetPassword) return { means: { ...now, hasPassword: false }, tried };
      if (by === undefined || (tried.at(-1) === by && then === undefined && !wantsToken)) break;
      tried.push(by);
      const isOnline = works.includes(by);
      now = afterLogin(now, by, isOnline ? 'online' : 'login-failed');
      if (!isOnline) continue;
      if (then === 'look-for-certificates') offers = { certificates };
      if (then === 'add-certificate') now = { ...now, certificate: 'added' };
      if (wantsToken && works.includes('token') && now.token === 'none') now = { ...now, token: 'given' };
      else if (wantsToken && then === undefined) break;
    }
    return { means: now, tried };
  }

  const fresh: LoginMeans = { hasPassword: true, certificate: 'made', token: 'none' };

  it('leads to a certificate, and away from the password, where the server has what it takes', () => {
    const { means: end, tried } = play(['password', 'certificate'], true, fresh);
    assert.deepEqual(tried, ['password', 'password', 'certificate']);
    assert.deepEqual(end, { hasPassword: false, certificate: 'proven', token: 'none' });
  });

  it('leads back to the password where a certificate is taken, but lets nobody in', () => {
    const { means: end, tried } = play(['password'], true, fresh);
    assert.deepEqual(tried.slice(0, 4), ['password', 'password', 'certificate', 'password']);
    assert.deepEqual([end.hasPassword, end.certificate], [true, 'refused']);
  });

  it('stays with the password where the server takes no certificates, or with a token if it gives one', () => {
    assert.deepEqual(play(['password'], false, fresh).means, fresh);
    const { means: end } = play(['password', 'token'], false, fresh);
    assert.deepEqual(end, { hasPassword: true, certificate: 'made', token: 'proven' });
  });
});
