/** Mutations of what is guarded over HTTP. */
import { inFile } from './mutation';

const requests = [
  ...inFile(
    'src/http/middleware/request-guard.ts',
    ['unit/http-middleware'],
    [
      [3, 'a failure of the server proves nothing', 'status >= 500 || ', ''],
      [3, 'what a handler throws proves nothing', 'thrown ? classifyError(thrown.error, classify) : ', ''],
      [2, 'a refusal is kept', 'details: [stored]', 'details: []'],
      [
        3,
        'a no over an attempt in doubt is not told',
        "(meaning === 'unknown' && thrown instanceof OutcomeUnknownError)",
        'true',
      ],
      [
        2,
        'a key belongs to one path',
        'method.toUpperCase(), path, content',
        'method.toUpperCase(), content',
      ],
    ],
  ),
  ...inFile(
    'src/http/middleware/key.ts',
    ['unit/http-middleware'],
    [
      [2, 'keys of two scopes never meet', 'whose === undefined', 'whose !== null'],
      [2, 'a sender cannot claim the ids of the rest of the service', '`http:${key}`', 'key'],
    ],
  ),
  ...inFile(
    'src/http/middleware/options.ts',
    ['unit/http-middleware'],
    [[5, 'a request without a key is refused', 'required ?? true', 'required ?? false']],
  ),
];

const service = inFile(
  'src/http/claims.ts',
  ['pg/http-service'],
  [
    [6, 'only the bearer of its token settles a claim', 'token !== receipt.token', 'token === undefined'],
    [6, 'a token of a claim to come is none', 'epoch > receipt.epoch || ', ''],
    [
      1,
      'the policy of the first claim governs',
      "governingPolicy(receipt.policy, request.policy) !== 'retry'",
      "request.policy !== 'retry'",
    ],
    [1, 'what the provider has forgotten is not done again', 'usableMs <= 0', 'usableMs <= -Infinity'],
    [
      3,
      'over doubt, that nothing happened proves nothing',
      "now.state === 'released' && now.epoch === epoch",
      'now.epoch === epoch',
    ],
    [
      4,
      'a lapsed claim is shown as unknown',
      "isUnresolved(receipt) ? 'unknown' : receipt.state",
      'receipt.state',
    ],
  ],
);

const lost = inFile(
  'src/http/claims.ts',
  ['unit/http-claims'],
  [
    [8, 'a claim whose answer is lost is given back', 'void this.withdraw(claim);', ''],
    [
      4,
      'evidence on file settles what is unknown',
      "weighed === 'committed' || weighed === 'not-committed'",
      'weighed === undefined',
    ],
  ],
);

export const http = [...requests, ...service, ...lost];
