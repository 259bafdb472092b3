import { wrap } from './wrap.ts';

const WIDTH = 100;
const SHOWN_LINES = 14;

/** A step is not what it should be: shown as its one line. */
export class StepFailed extends Error {}

/** Says on a terminal what happens: at most 100 columns wide, in plain text unless it is a terminal. */
export class Narrator {
  private readonly write: (text: string) => void;
  private readonly hasColours: boolean;
  private steps = 0;

  constructor(write: (text: string) => void, hasColours: boolean) {
    this.write = write;
    this.hasColours = hasColours;
  }

  get count(): number {
    return this.steps;
  }

  paragraph(text: string): void {
    this.lines(['', ...wrap(text, WIDTH)]);
  }

  /** One numbered step: a title, a line of explanation, whatever `body` shows, and the time it took. */
  async step(title: string, why: string, body: () => Promise<void>): Promise<void> {
    this.steps += 1;
    const number = String(this.steps).padStart(2);
    this.lines(['', this.paint('1', `${number}  ${title}`), ...wrap(why, WIDTH - 4).map((line) => this.paint('2', `    ${line}`))]);
    const start = performance.now();
    await body();
    const time = formatTime(performance.now() - start);
    this.lines([this.paint('2', time.padStart(WIDTH))]);
  }

  /** What a user types, and on which machine. */
  command(machine: string, line: string): void {
    const [first = '', ...more] = wrap(line, WIDTH - 8 - machine.length);
    this.lines([`    ${machine}$ ${this.paint('1;36', first)}`, ...more.map((rest) => `        ${this.paint('1;36', rest)}`)]);
  }

  /** What a command answers: broken at the width, cut to a screenful. */
  output(text: string): void {
    const all = text.trimEnd().split('\n');
    const shown = all.length > SHOWN_LINES ? all.slice(0, SHOWN_LINES - 1) : all;
    for (const line of shown) {
      const [first = '', ...more] = wrap(line.trimEnd(), WIDTH - 8);
      this.lines([`      ${first.trimEnd()}`, ...more.map((rest) => `        ${rest.trim()}`)]);
    }
    if (shown.length < all.length) this.lines([this.paint('2', `      … ${all.length - shown.length} more lines`)]);
  }

  /** A claim that was looked into. @throws StepFailed if it does not hold */
  check(holds: boolean, claim: string, otherwise = claim): void {
    if (!holds) throw new StepFailed(otherwise);
    const [first = '', ...more] = wrap(claim, WIDTH - 6);
    this.lines([`    ${this.paint('32', '✓')} ${first}`, ...more.map((rest) => `      ${rest}`)]);
  }

  private lines(lines: readonly string[]): void {
    this.write(lines.map((line) => `${line}\n`).join(''));
  }

  private paint(code: string, text: string): string {
    return this.hasColours ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

export function formatTime(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
