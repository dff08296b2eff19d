/** The OpenAPI document of the service. The tests hold every answer against it. */
import { outcomes } from '../claims';
import { receiptStates } from '../core';
import { bounds } from './input';

const json = (name: string) => ({
  'application/json': { schema: { $ref: `#/components/schemas/${name}` } },
});

const problem = (description: string, name = 'Problem') => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: `#/components/schemas/${name}` } } },
});

const withRetryAfter = <T>(response: T) => ({
  ...response,
  headers: { 'Retry-After': { description: 'seconds', schema: { type: 'integer', minimum: 1 } } },
});

/** What every call can be answered. */
const refusals = {
  '400': problem('The body, a field or the id cannot be used.'),
  '401': problem('No valid API key.'),
  '500': problem('Something is wrong with the service. Do nothing.'),
  '503': withRetryAfter(problem('The receipts cannot be reached. Do nothing; ask again.')),
};

const tooLarge = { '413': problem('The body is too large.') };

const text = { type: 'string' } as const;
const object = (
  required: Readonly<Record<string, unknown>>,
  optional: Readonly<Record<string, unknown>> = {},
) => ({
  type: 'object',
  properties: { ...required, ...optional },
  required: Object.keys(required),
  additionalProperties: false,
});
const problemFields = { type: text, title: text, status: { type: 'integer' }, detail: text };
const skip = { answer: { const: 'SKIP' }, requestId: text };
const refused = ['IN_FLIGHT', 'UNKNOWN', 'CONFLICT', 'LATE', 'NOT_HELD'];

const duration = { type: ['string', 'number'] } as const;
const leaseFor = {
  ...{ ...duration, default: '2m' },
  description:
    "How long it may take until it is settled, such as '30s', or milliseconds; half a second to a day. After that it is unknown.",
};

const schemas = {
  Claim: object(
    {
      requestId: { ...text, minLength: 1 },
      action: { ...text, minLength: 1, maxLength: bounds.actionCharacters },
    },
    {
      payload: { description: 'What the effect gets. Only its hash is kept.' },
      fingerprint: {
        description: 'What makes two payloads under one id the same; the payload unless given.',
      },
      leaseFor,
    },
  ),
  Settlement: object(
    { token: text, outcome: { enum: outcomes } },
    {
      result: {
        description:
          'Of what is committed: what every later claim is told. Of what is rejected: why, a text.',
      },
    },
  ),
  Renewal: object({
    token: text,
    leaseFor: { ...duration, description: 'From now, also where that is less than is left.' },
  }),
  Proceed: object({
    answer: { const: 'PROCEED' },
    requestId: { ...text, description: 'Hand it to the provider, and settle it.' },
    token: text,
    epoch: { type: 'integer', description: 'Grows with every claim of an id: the fencing number.' },
    leaseMs: { type: 'number' },
  }),
  Skip: {
    oneOf: [
      object({ ...skip, state: { const: 'committed' }, result: {} }),
      object({
        ...{ ...skip, state: { const: 'committed' } },
        resultUnavailable: { const: true, description: 'It happened; look its result up at the provider.' },
      }),
      object({ ...skip, state: { const: 'rejected' }, error: object({ name: text, message: text }) }),
    ],
  },
  ClaimAnswer: { oneOf: [{ $ref: '#/components/schemas/Proceed' }, { $ref: '#/components/schemas/Skip' }] },
  Settled: object({
    ...{ answer: { const: 'SETTLED' }, requestId: text },
    state: { enum: ['committed', 'rejected', 'released', 'unknown'] },
  }),
  Renewed: object({ answer: { const: 'RENEWED' }, requestId: text, leaseMs: { type: 'number' } }),
  Receipt: object(
    {
      ...{ requestId: text, state: { enum: receiptStates }, action: text, epoch: { type: 'integer' } },
      contested: { type: 'boolean', description: 'Sources contradict each other: a person decides.' },
      claimedAt: text,
    },
    { settledAt: text },
  ),
  Problem: object(problemFields),
  Refusal: object(
    { ...problemFields, answer: { enum: refused }, requestId: text },
    {
      code: { enum: ['RequestIdReused', 'ReceiptPruned'], description: 'Of CONFLICT.' },
      state: { enum: receiptStates, description: 'Of LATE: what it is now.' },
    },
  ),
};

const body = (name: string) => ({ requestBody: { required: true, content: json(name) } });
const id = {
  ...{ name: 'id', in: 'path', required: true, schema: text },
  description: 'The request id as the claim was answered, percent-encoded.',
};

/** OpenAPI 3.1. */
export const openApi = {
  openapi: '3.1.0',
  info: {
    title: 'activity-guard',
    version: '1',
    description:
      'Claim an intent before its effect, settle it after; renew the claim where the effect takes long. Whoever is not told PROCEED must not have the effect. An answer that was lost counts as a claim.',
  },
  security: [{ key: [] }],
  paths: {
    '/claim': {
      post: {
        ...{ operationId: 'claim', ...body('Claim') },
        responses: {
          '200': { description: 'PROCEED, or SKIP with what became of it.', content: json('ClaimAnswer') },
          '409': withRetryAfter(problem('IN_FLIGHT (with Retry-After) or UNKNOWN. Do nothing.', 'Refusal')),
          '410': problem('CONFLICT: settled long ago; its outcome is no longer kept.', 'Refusal'),
          '422': problem('CONFLICT: the id belongs to another action or payload.', 'Refusal'),
          ...tooLarge,
          ...refusals,
        },
      },
    },
    '/settle/{id}': {
      post: {
        ...{ operationId: 'settle', parameters: [id], ...body('Settlement') },
        responses: {
          '200': { description: 'It is written down.', content: json('Settled') },
          '409': problem('LATE, NOT_HELD or UNKNOWN.', 'Refusal'),
          ...tooLarge,
          ...refusals,
        },
      },
    },
    '/renew/{id}': {
      post: {
        ...{ operationId: 'renew', parameters: [id], ...body('Renewal') },
        responses: {
          '200': { description: 'The lease stands from now for `leaseMs`.', content: json('Renewed') },
          '409': problem('UNKNOWN (too late), LATE or NOT_HELD. Stop what can be stopped.', 'Refusal'),
          ...tooLarge,
          ...refusals,
        },
      },
    },
    '/receipts/{id}': {
      get: {
        ...{ operationId: 'receipt', parameters: [id] },
        responses: {
          '200': {
            description: 'What is known of it; no results, which claims are told.',
            content: json('Receipt'),
          },
          '404': problem('No receipt has this id.'),
          ...refusals,
        },
      },
    },
  },
  components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } }, schemas },
} as const;
