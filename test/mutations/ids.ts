/** Mutations of request ids, slots and scopes: which calls are one intent. */
import { inFile } from './mutation';

export const ids = [
  ...inFile(
    'src/ids/request-id.ts',
    ['unit/ids-request-id', 'unit/ids-golden'],
    [
      [1, 'ids are compared after Unicode NFC', "sha256Hex(id.normalize('NFC'))", 'sha256Hex(id)'],
      [2, 'composed ids are length-prefixed', '`${p.length}:${p}`', 'p'],
      [1, 'an empty id fails before the claim', "if (id === '') return 'the request id is empty';", ''],
      [
        1,
        'an id with NUL fails before the claim',
        "if (id.includes('\\0')) return",
        "if (id.includes('\\0\\0')) return",
      ],
      [
        1,
        'an id with a lone surrogate fails before the claim',
        'if (/\\p{Surrogate}/u.test(id))',
        'if (/\\p{Surrogate}/u.test(id) && id === null)',
      ],
      [
        2,
        'an id that ends like a generation is refused',
        'if (generationSuffix.test(id)) return',
        'if (id === generationSuffix.source) return',
      ],
      [
        1,
        'an id over 512 bytes fails before the claim',
        'if (bytes > maxRequestIdBytes)',
        'if (bytes > 2 * maxRequestIdBytes)',
      ],
      [
        1,
        'f(x) and f(x, undefined) are the same call',
        'while (length > 0 && args[length - 1] === undefined) length--;',
        '',
      ],
      [
        4,
        'equal calls side by side are two intents',
        'composeId([scope, name, argsHash, String(slot)])',
        'composeId([scope, name, argsHash])',
      ],
      [
        2,
        'an intent belongs to a scope',
        'composeId([scope, name, argsHash, String(slot)])',
        'composeId([name, argsHash, String(slot)])',
      ],
      [
        4,
        'equal children side by side are two scopes',
        'composeId([scope, type, argsHash, String(slot)])',
        'composeId([scope, type, argsHash])',
      ],
      [
        4,
        'each run after a continue-as-new has a scope of its own',
        'Number(match[2]) + 1',
        'Number(match[2])',
      ],
    ],
  ),
  ...inFile(
    'src/ids/receipt-id.ts',
    ['unit/ids-request-id', 'unit/ids-golden'],
    [
      [
        2,
        'a receipt belongs to a namespace',
        'shortHash(composeId([namespace, requestIdHash]))',
        'shortHash(requestIdHash)',
      ],
      [2, 'the fingerprint covers the action', 'canonicalJson([action, payload])', 'canonicalJson(payload)'],
      [
        2,
        'a generation is an id of its own',
        'sha256Hex(composeId([requestIdHash, `\\0g${generation}`]))',
        'requestIdHash',
      ],
      [2, 'no explicit id is that of a generation', '`\\0g${generation}`', '`g${generation}`'],
    ],
  ),
  ...inFile(
    'src/ids/canonical.ts',
    ['unit/ids-canonical'],
    [
      [1, 'canonical JSON: the order of the keys does not count', '.sort() // by UTF-16', '// by UTF-16'],
      [
        2,
        'a payload that JSON cannot hold fails before the claim',
        "typeof value === 'number' && !Number.isFinite(value)",
        "typeof value === 'number' && value === Infinity",
      ],
      [
        2,
        'a payload that is too deep fails before the claim',
        'if (depth > maxDepth)',
        'if (depth > 100 * maxDepth)',
      ],
      [
        2,
        'a payload that is too large fails before the claim',
        'if (text.length > maxCharacters)',
        'if (text.length > 100 * maxCharacters)',
      ],
      [2, 'what cannot be told apart is refused', 'if (isOpaque(value)) throw', 'if (value === null) throw'],
      [2, 'what JSON cannot hold is told apart from what it can', '`bigint:"${value}"`', 'String(value)'],
    ],
  ),
  ...inFile(
    'src/ids/slots.ts',
    ['unit/ids-slots'],
    [
      [1, 'the lowest slot that is neither running nor settled', 'open.sort(bySlot);', ''],
      [1, 'an open slot is given out again', 'if (again) return again;', ''],
      [
        1,
        'calls that were open at a continue-as-new are reused first',
        'this.groupOf(call.kind, call.action, call.hash).open.push(slotted);',
        '',
      ],
      [4, 'a settled slot is not carried over', 'this.unsettled.delete(call as SlottedCall);', ''],
      [1, 'a running slot is carried over', 'this.unsettled.add(call);', ''],
      [
        1,
        'a continue-as-new carries the newest of many open calls',
        '.slice(-mostCarried)',
        '.slice(0, mostCarried)',
      ],
      [4, 'a call that differs shifts no slot', '`${kind}\\0${action}\\0${hash}`', '`${kind}\\0${action}`'],
    ],
  ),
  ...inFile(
    'src/temporal/scope.ts',
    ['unit/scope'],
    [
      [
        1,
        'what was started by a run without a scope has none',
        'if (problem !== undefined) return { problem };',
        '',
      ],
      [
        1,
        'what repeats a run says so',
        'if (header?.rerunOf !== undefined) return { rerunOf: header.rerunOf, rerunAt: header.rerunAt };',
        '',
      ],
      [
        1,
        'a workflow retry repeats its first run',
        'if (info.attempt > 1) return { rerunOf: info.firstExecutionRunId };',
        '',
      ],
      [
        1,
        'a reset run repeats the original one',
        'if (info.originalExecutionRunId === info.runId) return {};',
        'if (info.runId) return {};',
      ],
      [
        2,
        "a continue-as-new's header counts for the run it was sent to",
        '(isRetry || from === info.continuedFromExecutionRunId)',
        'from !== null',
      ],
      [1, 'a retry of a continued run keeps its header', '(isRetry || from === info', '(from === info'],
      [
        1,
        'cron with a workflow retry policy has no scope',
        'return info.retryPolicy\n      ?',
        'return info.retryPolicy && scope\n      ?',
      ],
      [
        1,
        'a workflow retry is its chain',
        'isRetry ? info.firstExecutionRunId',
        'isRetry ? info.originalExecutionRunId',
      ],
      [
        1,
        'a first run survives a reset',
        ': info.originalExecutionRunId, open: [] };\n}',
        ': info.firstExecutionRunId + info.attempt, open: [] };\n}',
      ],
      [
        1,
        'a child is what its parent says',
        'if (scope !== undefined && from === undefined) return { scope, open: [] };',
        '',
      ],
    ],
  ),
];
