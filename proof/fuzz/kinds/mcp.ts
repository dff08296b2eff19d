/** Lines to the MCP server: JSON-RPC and what is none, and arguments of its tools. */
import fc from 'fast-check';

import { build, ids, json, names, texts, type Spec } from '../arbitraries';
import { isAction, isId, isSame, jsonForm, must, mustHold, rowOf, type Verdict } from '../checks';
import { sentIntent } from '../sent-intent';
import type { Kind } from '../kind';
import type { Message, Speaker } from '../speaker';

interface Case {
  readonly id: Spec;
  readonly action: Spec;
  readonly payload: unknown;
  readonly result: unknown;
  readonly more: Readonly<Record<string, unknown>>;
  /** Said before, and nobody has to answer. */
  readonly noise: string;
  readonly client: string;
}

const odd = fc.oneof(
  json,
  fc.constantFrom<unknown>(`1${' '.repeat(100_000)}!`, -1, 1e300, null, '2m', 60_000),
);

const message = (id: unknown, method: unknown, params: unknown): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params });

const noise = fc.oneof(
  texts(60).map((text) => text.replace(/\n/g, ' ')),
  json.map((value) => JSON.stringify(value)),
  fc
    .tuple(
      fc.oneof(json, fc.constantFrom<unknown>(null, 1.5, {}, [], -0, '', 1e300)),
      fc.constantFrom<unknown>('tools/call', 'ping', 'tools/list', '', 5, '__proto__', 'initialize'),
      json,
    )
    .map(([id, method, params]) =>
      message(id === null || typeof id === 'string' ? `noise${String(id)}` : id, method, params),
    ),
  fc.constantFrom(
    ...[
      '',
      '{',
      '[]',
      '[[]]',
      '{}',
      'null',
      '"x"',
      '\u0000',
      '{"jsonrpc":"1.0","id":1,"method":"ping"}',
      '['.repeat(50_000),
    ],
    `[${message('batch-1', 'ping', {})},${message('batch-2', 'tools/list', {})}]`,
    message('no-tool', 'tools/call', { name: 'toString', arguments: {} }),
    message('no-arguments', 'tools/call', { name: 'claim' }),
    message('bad-arguments', 'tools/call', { name: 'claim', arguments: [] }),
    message('bad-name', 'tools/call', { name: 5, arguments: {} }),
    message('settle-all', 'tools/call', {
      name: 'settle',
      arguments: { requestId: 'x', token: 'x', outcome: 'committed' },
    }),
    message('listing', 'tools/call', { name: 'list_unknown', arguments: { limit: '20', action: '\0' } }),
    '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"call-1"}}',
    '{"jsonrpc":"2.0","id":"answer","result":{}}',
    '{"jsonrpc":"2.0","id":"ping-1","error":{"code":1,"message":"x"}}',
  ),
);

export const mcp: Kind<Case> = {
  name: 'mcp',
  share: 5,
  least: { accepted: 0.2, rejected: 0.2 },
  cases: fc.record({
    id: ids,
    action: names(200),
    payload: json,
    result: json,
    more: fc.oneof(
      { weight: 3, arbitrary: fc.constant({}) },
      {
        weight: 1,
        arbitrary: fc.dictionary(
          fc.constantFrom('leaseFor', 'fingerprint', 'token', '__proto__', 'limit'),
          odd,
          { maxKeys: 2 },
        ),
      },
    ),
    noise,
    client: fc.oneof(fc.constant('client'), texts(100)),
  }),
  intentOf: ({ id }) => sentIntent(id),
  check: async (world, one): Promise<Verdict> => {
    const given = jsonForm({
      requestId: build(one.id),
      action: build(one.action),
      payload: one.payload,
      ...one.more,
    });
    if (given === undefined) return { accepted: false, code: 'no JSON' };
    const args = (given as { json: Record<string, unknown> }).json;
    const speaker = await world.mcp(one.client);
    speaker.say(one.noise);
    await speaker.ping();
    const reply = told(await speaker.call('claim', args));
    const { requestId, action } = args;
    const knows = typeof requestId === 'string' ? await rowOf(world.receipts, requestId) : undefined;
    if (reply['status'] !== 'PROCEED') {
      must(
        reply['status'] === 'INVALID' && reply['code'] === 'InvalidRequest',
        `answers ${JSON.stringify(reply)}`,
      );
      must(
        /request id|action|arguments|fingerprint|leaseFor|takes only/.test(String(reply['text'])),
        `does not name a field: ${String(reply['text'])}`,
      );
      must(knows === undefined, 'a receipt of what was refused');
      must(
        !(isId(requestId) && isAction(action) && Object.keys(one.more).length === 0),
        'a good claim was refused',
      );
      return { accepted: false, code: 'InvalidRequest' };
    }
    must(isId(requestId) && isAction(action), 'a bad id or action was accepted');
    mustHold(knows, { state: 'claimed', requestId, action });
    await mustGoOn(speaker, one, args, reply);
    mustHold(await rowOf(world.receipts, requestId), { state: 'committed', requestId, action });
    return { accepted: true };
  },
};

/** What a tool said to programs; an error of the protocol is none of its answers. */
function told(answer: Message): Record<string, unknown> {
  const { content, structuredContent } = (answer['result'] ?? {}) as {
    content?: { text: string }[];
    structuredContent?: object;
  };
  must(
    structuredContent !== undefined,
    `a call of a tool is answered ${JSON.stringify(answer).slice(0, 300)}`,
  );
  return { ...structuredContent, text: content?.[0]?.text };
}

async function mustGoOn(
  speaker: Speaker,
  { result }: Case,
  args: Record<string, unknown>,
  claim: Record<string, unknown>,
) {
  const { requestId, token } = claim;
  const stolen = told(
    await speaker.call('settle', {
      requestId,
      token: '00000000-0000-4000-8000-000000000000',
      outcome: 'committed',
    }),
  );
  must(stolen['status'] === 'NOT_HELD', `a token that was guessed is answered ${String(stolen['status'])}`);
  const settled = told(await speaker.call('settle', { requestId, token, outcome: 'committed', result }));
  must(settled['status'] === 'SETTLED', `a settlement is answered ${String(settled['status'])}`);
  const again = told(await speaker.call('claim', args));
  must(
    again['status'] === 'SKIP' && isSame({ json: again['result'] }, jsonForm(result)),
    'the result is not told again',
  );
  const other = told(
    await speaker.call('claim', { ...args, payload: { other: 1 }, fingerprint: { other: 1 } }),
  );
  must(other['status'] === 'CONFLICT' && !('result' in other), 'another payload got an answer');
}
