/** Mutations of what tells the model of an agent in a workflow how its tool ended. */
import { inFile } from './mutation';

export const workflowTools = inFile(
  'src/temporal/workflow/tools.ts',
  ['unit/workflow-tools'],
  [
    [
      3,
      'what receipts that are away say of the last attempt is not said of those before it',
      "['ReceiptStoreUnavailable', 'Rejected']",
      "['Rejected']",
    ],
    [
      3,
      'the refusal of one step says nothing of the others',
      "['ReceiptStoreUnavailable', 'Rejected']",
      "['ReceiptStoreUnavailable']",
    ],
    [
      2,
      'only the refusal of this very intent is told as one',
      'if (isRejectionOf(error, hashedRequestId(hashRequestId(requestId)))) {',
      "if (type !== 'OutcomeUnknown' && cause?.cause) {",
    ],
    [3, 'a failure of no known code is unknown', ": 'OutcomeUnknown';", ": 'InvalidRequest';"],
    [
      1,
      'what the plan does not have is told the model, not the workflow',
      'requestId === undefined ||\n      requestIdProblem(requestId) ||',
      '',
    ],
    [
      8,
      'a cancellation is no answer to the model',
      ' || isCancellation(error)) throw error;',
      ') throw error;',
    ],
    [
      3,
      'what is not the end of the activity is no answer to the model',
      'if (!(error instanceof ActivityFailure) || ',
      'if (!(error instanceof Error) || ',
    ],
    [
      5,
      'without the interceptors no tool is made',
      "if (inWorkflowContext()) assertInstalled('guardTool');",
      '',
    ],
  ],
);
