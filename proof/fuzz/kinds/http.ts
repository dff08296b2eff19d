/** Messages to the HTTP service. */
import fc from 'fast-check';

import { ids, json, names, build, texts, type Spec } from '../arbitraries';
import { isAction, isId, isSame, jsonForm, must, mustHold, rowOf, type Verdict } from '../checks';
import { sentIntent } from '../sent-intent';
import type { Kind, World } from '../kind';
import { apiKey } from '../worlds';

interface Case {
  readonly id: Spec;
  readonly action: Spec;
  readonly payload: unknown;
  readonly result: unknown;
  /** Of the body: members that take the place of good ones, or are added. */
  readonly more: Readonly<Record<string, unknown>>;
  readonly damage: Damage;
}

type Damage =
  | { readonly kind: 'none' }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'flip'; readonly at: number; readonly to: number }
  | { readonly kind: 'header'; readonly name: string; readonly value: string }
  | { readonly kind: 'method'; readonly method: string }
  | { readonly kind: 'path'; readonly path: string };

const visible = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((c) => String.fromCharCode(c)),
  maxLength: 40,
});

const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 9, arbitrary: fc.constant({ kind: 'none' } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: fc.nat(60) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('bytes' as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('flip' as const), at: fc.nat(60), to: fc.nat(255) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('header' as const),
      name: fc.constantFrom(
        'authorization',
        'content-type',
        'content-encoding',
        'content-length',
        'accept',
        'x-any',
      ),
      value: fc.oneof(
        visible,
        fc.constantFrom('x'.repeat(100_000), 'gzip', 'text/plain', 'Bearer', 'Bearer  x', '-1', '1e9'),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('method' as const),
      method: fc.constantFrom('GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('path' as const),
      path: fc.constantFrom(
        '/',
        '/claims',
        '/claim/',
        '/settle',
        '/settle/',
        '//claim',
        '/claim%00',
        '/receipts/%',
        '/receipts/%ff',
        '/__proto__',
      ),
    }),
  },
);

const odd = fc.oneof(
  json,
  fc.constantFrom<unknown>(`1${' '.repeat(1_000_00)}!`, -1, 1e300, '1e3', null, '2m', 1000, '9999d', '0.1s'),
);
const more: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  {
    weight: 2,
    arbitrary: fc.dictionary(fc.constantFrom('leaseFor', 'fingerprint', 'payload', 'action'), odd, {
      maxKeys: 2,
    }),
  },
  { weight: 1, arbitrary: fc.dictionary(fc.oneof(texts(20), fc.constant('__proto__')), odd, { maxKeys: 2 }) },
);

/** Deeper and longer than anything is read. */
const deepest = '['.repeat(200_000);

const bodyOf = ({ damage: done }: Case, body: unknown): Uint8Array => {
  const bytes = Buffer.from(JSON.stringify(body) ?? '');
  if (done.kind === 'cut') return bytes.subarray(0, Math.max(0, bytes.length - 1 - done.at));
  if (done.kind === 'bytes') return done.bytes.length === 0 ? Buffer.from(deepest) : done.bytes;
  if (done.kind === 'flip' && bytes.length > 0) bytes[done.at % bytes.length] = done.to;
  return bytes;
};

async function send(world: World, one: Case | undefined, path: string, body: unknown) {
  const done = one?.damage ?? { kind: 'none' };
  const headers = new Headers({ authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' });
  if (done.kind === 'header') headers.set(done.name, done.value.trim());
  const method = done.kind === 'method' ? done.method : 'POST';
  const hasBody = !['GET', 'HEAD'].includes(method);
  const bytes = one ? bodyOf(one, body) : Buffer.from(JSON.stringify(body));
  const request = new Request(`http://localhost${done.kind === 'path' ? done.path : path}`, {
    ...{ method, headers },
    ...(hasBody ? { body: new Uint8Array(bytes) } : {}),
  });
  const response = await world.service.fetch(request);
  return answerOf(response, method === 'HEAD');
}

/** Every answer is JSON, and every refusal a problem that says what is wrong. */
async function answerOf(response: Response, isEmpty: boolean) {
  const { status } = response;
  const text = await response.text();
  must(status < 500, `the service answered ${status}: ${text}`);
  if (isEmpty) return { status, body: {} as Record<string, unknown> };
  const body = (jsonForm(undefined) ?? JSON.parse(text)) as Record<string, unknown>;
  if (status < 300) return { status, body };
  const { type, title, detail } = body;
  must(
    response.headers.get('content-type') === 'application/problem+json',
    `${status} is no problem document`,
  );
  must(/^urn:activity-guard:problem:[a-z-]+$/.test(String(type)), `${status} has the type ${String(type)}`);
  must(
    body['status'] === status && typeof title === 'string' && typeof detail === 'string',
    'the problem is not whole',
  );
  if (String(type).endsWith(':invalid-request'))
    must(
      /request id|requestId|action|body|payload|arguments|fingerprint|leaseFor|token|outcome|result/.test(
        detail,
      ),
      `does not name a field: ${detail}`,
    );
  return { status, body };
}

/** After PROCEED: settled, told again to who claims the same, and to nobody else. */
async function mustGoOn(
  world: World,
  one: Case,
  claim: Record<string, unknown>,
  given: Record<string, unknown>,
) {
  const { result } = one;
  const { token, requestId } = given;
  const path = `/settle/${encodeURIComponent(String(requestId))}`;
  const stolen = await send(world, undefined, path, {
    token: '00000000-0000-4000-8000-000000000000',
    outcome: 'committed',
    result: 'stolen',
  });
  must(
    stolen.body['answer'] === 'NOT_HELD',
    `a token that was guessed is answered ${String(stolen.body['answer'])}`,
  );
  const settled = await send(world, undefined, path, { token, outcome: 'committed', result });
  must(settled.body['answer'] === 'SETTLED', `a settlement is answered ${JSON.stringify(settled.body)}`);
  const again = await send(world, undefined, '/claim', claim);
  must(again.body['answer'] === 'SKIP', `the same claim is answered ${String(again.body['answer'])}`);
  must(isSame({ json: again.body['result'] }, jsonForm(result)), 'another result is told');
  const other = await send(world, undefined, '/claim', {
    ...claim,
    payload: { other: 1 },
    fingerprint: { other: 1 },
  });
  must(other.body['answer'] === 'CONFLICT' && !('result' in other.body), 'another payload got an answer');
}

export const http: Kind<Case> = {
  name: 'http',
  share: 10,
  least: { accepted: 0.2, rejected: 0.2 },
  cases: fc.record({ id: ids, action: names(200), payload: json, result: json, more, damage }),
  intentOf: ({ id }) => sentIntent(id),
  check: async (world, one): Promise<Verdict> => {
    const body = { requestId: build(one.id), action: build(one.action), payload: one.payload, ...one.more };
    // What JSON does not have is another body, or none.
    const sent = jsonForm(body) as { json: Record<string, unknown> } | undefined;
    if (!sent) return { accepted: false, code: 'no JSON' };
    const { requestId, action } = sent.json;
    const isWholeBody = one.damage.kind === 'none';
    const { status, body: given } = await send(world, one, '/claim', sent.json);
    const knows = typeof requestId === 'string' ? await rowOf(world.receipts, requestId) : undefined;
    if (given['answer'] !== 'PROCEED') {
      const isDamagedId = one.damage.kind === 'flip';
      must(isDamagedId || knows === undefined, `${status}: a receipt of what was refused`);
      const isGood =
        isId(requestId) &&
        !['.', '..'].includes(requestId) &&
        isAction(action) &&
        Object.keys(one.more).length === 0;
      must(!(isWholeBody && isGood), `a good claim is answered ${status}`);
      return {
        accepted: false,
        code: typeof given['type'] === 'string' ? given['type'].split(':').at(-1) : `status ${status}`,
      };
    }
    if (one.damage.kind === 'flip') return { accepted: true };
    must(isId(requestId) && isAction(action), 'a bad id or action was accepted');
    mustHold(knows, { state: 'claimed', requestId, action });
    await mustGoOn(world, one, sent.json, given);
    mustHold(await rowOf(world.receipts, requestId), { state: 'committed', requestId, action });
    return { accepted: true };
  },
};
