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
      [2, 'keys of two scopes never meet', 'scope === undefined', 'scope !== null'],
      [2, 'a key without its scope is refused', "typeof whose === 'string' && whose !== ''", 'true'],
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
  'src/http/service.ts',
  ['tools/http-service'],
  [
    [
      8,
      'the claim of who has hung up is given back',
      "void undelivered(c.get('receipts'), reply, telemetry);",
      'void undelivered;',
    ],
  ],
  { named: 'hung up' },
);

export const http = [...requests, ...service];
