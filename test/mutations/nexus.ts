/** Mutations of what ties a workflow that a Nexus handler starts to its caller. */
import { inFile } from './mutation';

export const nexus = [
  ...inFile(
    'src/temporal/workflow/interceptors.ts',
    ['unit/nexus-calls'],
    [
      [
        1,
        'an operation that failed keeps its scope',
        '({ result }) => result,',
        '({ result }) => result.catch(() => undefined),',
      ],
      [
        2,
        'another operation has another scope',
        "composeId(['nexus', endpoint, service, operation])",
        "composeId(['nexus'])",
      ],
    ],
  ),
  ...inFile(
    'src/temporal/worker/nexus.ts',
    ['unit/nexus'],
    [
      [
        2,
        'no header is taken that the guard does not write',
        'if (!problem && !sentScope.test(sent)) {',
        "if (sent === '') {",
      ],
      [2, 'a scope counts for the namespace that sent it', "namespace ?? ''", "''"],
      [2, 'only a Nexus handler gives such a scope', "call.id.replace('child', 'nexus')", 'call.id'],
      [2, 'a caller that is not trusted gives no scope', 'if (!trust({', 'if (trust({'],
      [1, 'a start that failed is the same intent again', 'starts.reopen(call);', 'starts.settle(call);'],
      [2, 'two equal starts of one handler are two intents', 'starts.settle(call);', 'starts.reopen(call);'],
    ],
  ),
];
