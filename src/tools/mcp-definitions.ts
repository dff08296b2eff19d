/** The tools of the claim server as clients and their models see them. */
import { outcomes } from '../claims';

const requestId = {
  type: 'string',
  description:
    'Names the intent, such as email:C123:invoice. Every retry of it has the same, another intent another one.',
} as const;
const action = { type: 'string', description: 'What is done, such as send_email.' } as const;
const anything = {}; // any JSON
const token = { type: 'string', description: 'As claim answered it.' } as const;
const answeredId = token;
const duration = { type: ['string', 'number'] } as const;
const leaseFor = {
  ...duration,
  description:
    "How long it may take until it is settled, such as '30s' or '5m' (2m). After that its outcome is unknown.",
} as const;

const object = <P extends Readonly<Record<string, object>>>(
  properties: P,
  required: (keyof P & string)[],
) => ({
  ...{ type: 'object' as const, properties, required, additionalProperties: false },
});

/** The tools by their names. */
export const toolDefinitions = {
  claim: {
    description:
      'Call this before an act that cannot be taken back (a payment, an e-mail, a ticket). Act only if the answer is PROCEED, then call settle with its token. ' +
      'SKIP: it is settled, and here is its result. IN_FLIGHT: somebody else is at it. UNKNOWN: nobody knows whether it happened. CONFLICT: the id belongs to something else.',
    inputSchema: object(
      {
        requestId,
        action,
        payload: { ...anything, description: 'What it is done with, as JSON. An id belongs to one payload.' },
        fingerprint: {
          ...anything,
          description:
            'What must be the same whenever this id comes again, in place of the payload: leave out what may be worded anew.',
        },
        leaseFor,
      },
      ['requestId', 'action'],
    ),
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  },
  settle: {
    description:
      'Call this after the act, with the request id and the token of the claim. Safe to repeat. If it is not certain what became of it, say unknown.',
    inputSchema: object(
      {
        requestId: answeredId,
        token,
        outcome: {
          type: 'string',
          enum: outcomes,
          description:
            'committed: it happened. rejected: the provider finally said no. not-committed: it surely did not happen, and may be claimed again. unknown: you do not know; nobody does it again until somebody finds out.',
        },
        result: {
          ...anything,
          description:
            'Of what is committed: the result that later claims are told, as JSON. Of what is rejected: why.',
        },
      },
      ['requestId', 'token', 'outcome'],
    ),
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  renew: {
    description:
      'Call this while an act takes longer than its lease, before the lease is over. If the answer is not RENEWED, stop what can still be stopped.',
    inputSchema: object(
      {
        requestId: answeredId,
        token,
        leaseFor: { ...duration, description: 'How long it may take from now, such as 5m.' },
      },
      ['requestId', 'token', 'leaseFor'],
    ),
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  status: {
    description: 'What is known of a request id. Claims nothing, and tells no result: claim does.',
    inputSchema: object({ requestId }, ['requestId']),
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
  list_unknown: {
    description: 'What was claimed and nobody knows the outcome of, newest first: a person has to find out.',
    inputSchema: object(
      { action, limit: { type: 'integer', minimum: 1, maximum: 100, description: 'At most so many (20).' } },
      [],
    ),
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
};

/** One of them. */
export type ToolName = keyof typeof toolDefinitions;
