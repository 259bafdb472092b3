import { run } from './process.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

// Node's fetch, in a process of its own: only so can a test speak from inside another network namespace.
const SCRIPT = `
  let input = '';
  for await (const chunk of process.stdin) input += chunk;
  const { url, ...init } = JSON.parse(input);
  const answer = await fetch(url, init);
  process.stdout.write(JSON.stringify({ status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() }));
`;

/** One HTTP request from inside a namespace, or from this process's own network; bodies as UTF-8 text. */
export async function httpIn(
  netns: string | undefined,
  url: string,
  init: { readonly method?: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
): Promise<HttpAnswer> {
  const argv = [process.execPath, '--input-type=module', '-e', SCRIPT];
  return JSON.parse(await run(argv, { netns, input: JSON.stringify({ url, ...init }), timeout: 10_000 })) as HttpAnswer;
}
