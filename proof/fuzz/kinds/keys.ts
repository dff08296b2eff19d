/** POSTs and webhooks behind the middleware: their keys, their bodies, and what handlers answer. */
import fc from 'fast-check';
import { Hono } from 'hono';

import type { Guard } from '../../../src';
import { honoGuard } from '../../../src/http';
import { anyValue, build, json, texts, type Spec } from '../arbitraries';
import { must, type Verdict } from '../checks';
import type { Kind, World } from '../kind';

interface Case {
  /** Where the key is. */
  readonly by: 'header' | 'body' | 'scope';
  readonly key: string;
  readonly id: unknown;
  readonly content: unknown;
  readonly contentType: string;
  readonly answer: { readonly status: number; readonly body: string } | { readonly throws: Spec };
}

const latin = (text: string): string => text.replace(/[^\x21-\xff]/g, '').slice(0, 400);

const bodies = fc.oneof(
  json.map((value) => JSON.stringify(value)),
  texts(100),
  fc.constantFrom('{', '[1', '', 'null'),
);

const hasKey = (one: Case): boolean =>
  one.by === 'header' ? one.key.trim() !== '' : typeof one.id === 'string' && one.id !== '';

export const keys: Kind<Case> = {
  name: 'keys',
  share: 5,
  least: { accepted: 0.2, rejected: 0.2 },
  cases: fc.record({
    by: fc.constantFrom('header', 'body', 'scope'),
    key: fc.oneof(
      texts(255).map(latin),
      fc.string({ minLength: 1, maxLength: 20 }).map(latin),
      fc.constantFrom('"a"', '"a', 'a,b', '"\\""', '', ' '),
    ),
    id: fc.oneof(
      { weight: 2, arbitrary: texts(500) },
      { weight: 1, arbitrary: json },
      { weight: 1, arbitrary: fc.constantFrom<unknown>(5, true, { status: 200, type: 'x' }, ['a'], 1e21) },
    ),
    content: bodies,
    contentType: fc.constantFrom(
      'application/json',
      'text/plain',
      'multipart/form-data; boundary=x',
      'x',
      'application/json; charset=utf-16',
    ),
    answer: fc.oneof(
      fc.record({
        status: fc.constantFrom(200, 201, 204, 301, 400, 404, 409, 408, 500, 503, 599),
        body: texts(100),
      }),
      fc.record({ throws: anyValue }),
    ),
  }),
  intentOf: () => undefined,
  check: async (world, one): Promise<Verdict> => {
    let ran = 0;
    const app = appOf(world, one, () => ran++);
    const send = (content: unknown) => app.fetch(requestOf(one, content));
    const first = await answerOf(await send(one.content));
    must(ran <= 1, `the handler ran ${ran} times`);
    if (ran === 0) {
      must(first.status >= 400 && first.status < 500, `nothing was done, and the answer is ${first.status}`);
      must(first.type === 'application/problem+json', 'a refusal is no problem document');
      return {
        accepted: false,
        code: String((JSON.parse(first.text) as { type?: unknown }).type)
          .split(':')
          .at(-1),
      };
    }
    must(hasKey(one), 'the handler ran for a request without a key');
    const second = await answerOf(await send(one.content));
    must(ran === 1, `the handler ran ${ran} times`);
    const isSettled = !('throws' in one.answer) && one.answer.status < 500 && one.answer.status !== 408;
    if (isSettled)
      must(isReplay(second, first), `the answer was ${first.status} and is ${second.status} again`);
    else must(second.status === 409, `what nobody knows is answered ${second.status}`);
    const other = await answerOf(await send(`${String(one.content)} `));
    must(ran === 1 && other.status === 422, `another body is answered ${other.status}`);
    return { accepted: true };
  },
};

let count = 0;

function appOf({ guard }: World, { by, id, answer }: Case, ran: () => void): Hono {
  const scope = `case ${++count}`;
  const options = {
    ...{ guard: guard as Guard, action: 'post', scope: by === 'scope' ? () => scope : scope },
    ...(by === 'header' ? {} : { key: () => id as string, fingerprint: undefined as never }),
  };
  const app = new Hono();
  app.onError(() => new Response('the application failed', { status: 500 }));
  app.post('/act', honoGuard(options), () => {
    ran();
    if ('throws' in answer) throw build(answer.throws);
    const { status, body } = answer;
    return new Response([204, 304].includes(status) ? null : body, {
      status,
      headers: { 'content-type': 'text/x-own' },
    });
  });
  return app;
}

const requestOf = ({ by, key, contentType }: Case, content: unknown): Request =>
  new Request('http://localhost/act', {
    method: 'POST',
    headers: { 'content-type': contentType, ...(by === 'header' ? { 'idempotency-key': key } : {}) },
    body: String(content),
  });

async function answerOf(response: Response) {
  const { status, headers } = response;
  return {
    status,
    type: headers.get('content-type'),
    text: await response.text(),
    isReplay: headers.has('idempotent-replayed'),
  };
}

type Answer = Awaited<ReturnType<typeof answerOf>>;

const isReplay = (again: Answer, first: Answer): boolean =>
  again.isReplay && again.status === first.status && again.text === first.text && again.type === first.type;
