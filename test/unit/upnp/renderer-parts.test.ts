import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AV_TRANSPORT_ERRORS, RENDERING_CONTROL_ERRORS, rendererError } from '../../../src/upnp/renderer-errors.ts';
import { USUAL_MODELS, serviceModelOf } from '../../../src/upnp/scpd.ts';
import { seekArguments, seekFormats } from '../../../src/upnp/seek-formats.ts';
import { VolumeEcho } from '../../../src/upnp/volume-echo.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { settings } from '../../support/settings.ts';

describe('service descriptions', () => {
  const { xml } = settings.upnp.describe;
  const read = (body: string, status = 200) => serviceModelOf({ status, headers: {}, body: Buffer.from(body) }, USUAL_MODELS.AVTransport, xml);
  const actions = '<actionList><action><name> Play\n</name></action><action><name>Seek</name></action></actionList>';
  const range = (inner: string): string => `<serviceStateTable><stateVariable><name> Volume </name><allowedValueRange>${inner}</allowedValueRange></stateVariable></serviceStateTable>`;
  const modes = '<serviceStateTable><stateVariable><name>A_ARG_TYPE_SeekMode</name><allowedValueList><allowedValue>rel_time </allowedValue><allowedValue>TRACK_NR</allowedValue></allowedValueList></stateVariable></serviceStateTable>';

  it('are read: actions, the range of volume, ways to seek', () => {
    assert.deepEqual([...read(`<scpd>${actions}</scpd>`).actions], ['Play', 'Seek']);
    assert.deepEqual(read(`<scpd>${actions}${range('<minimum>0</minimum><maximum> 25 </maximum>')}</scpd>`).volume, { min: 0, max: 25 });
    assert.deepEqual([...read(`<scpd>${actions}${modes}</scpd>`).seekModes], ['REL_TIME', 'TRACK_NR']);
  });

  it('are kept as far as we use what they name', () => {
    const many = `<scpd><actionList>${'<action><name>X_Vendor</name></action>'.repeat(500)}<action><name>Play</name></action></actionList>${modes.replace('TRACK_NR', 'X'.repeat(9999))}</scpd>`;
    assert.deepEqual([[...read(many).actions], [...read(many).seekModes]], [['Play'], ['REL_TIME']]);
  });

  for (const [name, body, status] of [
    ['nothing', '', 200], ['404', `<scpd>${actions}</scpd>`, 404], ['HTML', '<html><body>Hello', 200], ['no actions', '<scpd><actionList/></scpd>', 200], ['no list of actions', '<scpd/>', 200],
  ] as const) {
    it(`are taken for the usual one where there is ${name}`, () => assert.equal(read(body, status), USUAL_MODELS.AVTransport));
  }

  it('are read with what is wrong around them', () => {
    for (const text of [`<scpd>${actions}</scpd>\0 `, `<x:scpd xmlns:x="urn:wrong">${actions.replaceAll('<', '<x:').replaceAll('<x:/', '</x:')}</x:scpd>`, `<root>${actions}</root>`]) {
      assert.deepEqual([...read(text).actions], ['Play', 'Seek'], text);
    }
    for (const wrong of ['<minimum>0</minimum>', '<minimum>9</minimum><maximum>3</maximum>', '<maximum>loud</maximum>', '']) {
      assert.deepEqual(read(`<scpd>${actions}${range(wrong)}</scpd>`).volume, { min: 0, max: 100 }, wrong);
    }
  });
});

describe('refusals of renderers', () => {
  const refusal = (upnpError: number): XpmnError => new XpmnError('not-found', 'No.', { details: { upnpError } });
  const EXPECTED: Readonly<Record<number, ErrorCode>> = {
    401: 'not-supported', 402: 'not-acceptable', 501: 'not-acceptable', 701: 'unexpected-request', 704: 'unsupported-type', 710: 'not-seekable', 711: 'not-acceptable', 714: 'unsupported-type',
    715: 'origin-unreachable', 716: 'origin-unreachable', 717: 'not-supported', 899: 'not-acceptable',
  };
  for (const [number, code] of Object.entries(EXPECTED)) {
    it(`${number} is ${code}`, () => {
      const error = rendererError(refusal(Number(number)), AV_TRANSPORT_ERRORS);
      assert.deepEqual([error.code, error.details.upnpError], [code, Number(number)]);
    });
  }

  it('are other ones where the volume is set', () => assert.equal(rendererError(refusal(701), RENDERING_CONTROL_ERRORS).code, 'not-supported'));

  it('are not what can\'t be reached, or makes no sense', () => {
    const codes: readonly (readonly [ErrorCode, ErrorCode])[] = [
      ['unreachable', 'unreachable'], ['timeout', 'timeout'], ['connection-lost', 'unreachable'], ['protocol-violation', 'not-acceptable'], ['too-large', 'not-acceptable'], ['not-allowed', 'not-acceptable'],
      ['unexpected-request', 'unexpected-request'], ['not-pausable', 'not-pausable'],
    ];
    for (const [from, to] of codes) assert.equal(rendererError(new XpmnError(from, 'x'), AV_TRANSPORT_ERRORS).code, to, from);
  });
});

describe('ways to seek', () => {
  const none = new Set<string>();

  it('are relative to the track first, and without a fraction where there is none', () => {
    assert.deepEqual(seekFormats(1.5, { known: undefined, modes: none }), ['rel-time-fraction', 'rel-time', 'abs-time']);
    assert.deepEqual(seekFormats(2, { known: undefined, modes: none }), ['rel-time', 'abs-time']);
  });

  it('are as the device lists them, if it lists any that we know', () => {
    assert.deepEqual(seekFormats(1, { known: undefined, modes: new Set(['ABS_TIME', 'TRACK_NR']) }), ['abs-time']);
    assert.deepEqual(seekFormats(1, { known: undefined, modes: new Set(['TRACK_NR']) }), ['rel-time', 'abs-time']);
  });

  it('begin with what has worked', () => assert.deepEqual(seekFormats(1.5, { known: 'abs-time', modes: none }), ['abs-time', 'rel-time-fraction', 'rel-time']));

  it('are written as devices read them', () => {
    assert.deepEqual(seekArguments(3723.25, 'rel-time-fraction'), { Unit: 'REL_TIME', Target: '1:02:03.250' });
    assert.deepEqual(seekArguments(3723.25, 'rel-time'), { Unit: 'REL_TIME', Target: '1:02:03' });
    assert.deepEqual(seekArguments(0, 'abs-time'), { Unit: 'ABS_TIME', Target: '0:00:00' });
  });
});

describe('the echo of a volume', () => {
  const RANGE = { min: 0, max: 100 };
  const WINDOW = 1000;

  it('is what was set, also where the device rounds', () => {
    const echo = new VolumeEcho(WINDOW);
    assert.equal(echo.heard(50, RANGE, 0), 50);
    assert.equal(echo.set(42, RANGE, 10), 42);
    assert.equal(echo.heard(41, RANGE, 200), 42);
    assert.equal(echo.heard(41, RANGE, 60_000), 42, 'it will always call it so');
    assert.equal(echo.heard(42, RANGE, 60_000), 42);
  });

  it('of what was replaced since is none', () => {
    const echo = new VolumeEcho(WINDOW);
    echo.set(10, RANGE, 0);
    echo.set(20, RANGE, 100);
    assert.equal(echo.heard(10, RANGE, 200), undefined);
    assert.equal(echo.heard(20, RANGE, 300), 20);
    assert.equal(echo.heard(10, RANGE, 5000), 10, 'later it is somebody\'s');
  });

  it('is not what somebody else sets', () => {
    const echo = new VolumeEcho(WINDOW);
    echo.set(10, RANGE, 0);
    assert.equal(echo.heard(70, RANGE, 100), 70);
    assert.equal(echo.heard(10, RANGE, 200), 10);
  });

  it('of what was refused is none', () => {
    const echo = new VolumeEcho(WINDOW);
    echo.set(10, RANGE, 0);
    echo.takeBack();
    assert.equal(echo.heard(11, RANGE, 1), 11);
  });

  it('gives back what was set, on whatever device', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 100 }), (max, volume) => {
      const echo = new VolumeEcho(WINDOW);
      assert.equal(echo.heard(echo.set(volume, { min: 0, max }, 0), { min: 0, max }, 10), volume);
    }));
  });
});
