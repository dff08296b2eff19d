/** The OpenAPI document of the service. The tests hold every answer against it. */
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
const end = {
  committed: [{ outcome: { const: 'committed' }, hasResult: { type: 'boolean' } }, { result: {} }],
  rejected: [
    { outcome: { const: 'rejected' }, error: object({ name: text, message: text }, { result: {} }) },
    {},
  ],
} as const;
const problemFields = { type: text, title: text, status: { type: 'integer' }, detail: text };
const reasons = ['reused', 'pruned', 'late', 'settled', 'not-yours'];
const known = {
  ...{
    requestId: text,
    action: text,
    epoch: { type: 'integer' },
    contested: { type: 'boolean' },
    claimedAt: text,
  },
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
      leaseMs: {
        ...{ type: 'integer', minimum: bounds.leaseMs.least, maximum: bounds.leaseMs.most, default: 60_000 },
        description: 'A claim that is not settled by then becomes unknown.',
      },
      onUnknown: {
        ...{ enum: ['hold', 'retry'], default: 'hold' },
        description:
          "'retry' proceeds over an unknown outcome: only where the provider deduplicates by request id.",
      },
      providerKeyTtlMs: {
        ...{ type: 'integer', minimum: 1 },
        description: "How long the provider keeps its keys: after that 'retry' holds.",
      },
    },
  ),
  Settlement: object(
    { token: text, outcome: { enum: ['committed', 'rejected', 'not-committed'] } },
    {
      result: { description: 'What every later caller gets.' },
      error: {
        ...text,
        minLength: 1,
        maxLength: bounds.errorCharacters,
        description: 'Why it was rejected.',
      },
    },
  ),
  Proceed: object({
    answer: { const: 'PROCEED' },
    requestId: { ...text, description: 'Hand it to the provider, and settle it.' },
    token: text,
    epoch: { type: 'integer', description: 'Grows with every claim of an id: the fencing number.' },
    leaseMs: { type: 'integer' },
    doubt: { type: 'boolean', description: 'An earlier attempt may have happened.' },
  }),
  Skip: {
    oneOf: [end.committed, end.rejected].map(([required, optional]) =>
      object({ answer: { const: 'SKIP' }, requestId: text, ...required }, optional),
    ),
  },
  ClaimAnswer: { oneOf: [{ $ref: '#/components/schemas/Proceed' }, { $ref: '#/components/schemas/Skip' }] },
  Settled: object({
    ...{ answer: { const: 'SETTLED' }, requestId: text },
    state: { enum: ['committed', 'rejected', 'released'] },
  }),
  Receipt: {
    oneOf: [
      object(
        {
          ...known,
          state: { enum: ['claimed', 'delegated', 'unknown', 'released', 'superseded', 'pruned'] },
        },
        { settledAt: text },
      ),
      ...[end.committed, end.rejected].map(([required, optional]) =>
        object({ ...known, state: required.outcome, settledAt: text, ...required }, optional),
      ),
    ],
  },
  Problem: object(problemFields),
  Refusal: object(
    { ...problemFields, answer: { enum: ['IN_FLIGHT', 'UNKNOWN', 'CONFLICT'] }, requestId: text },
    { reason: { enum: reasons } },
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
      'Claim an intent before its effect, settle it after. Whoever is not told PROCEED must not have the effect. An answer that was lost counts as a claim.',
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
          '404': problem('No receipt has this id.'),
          '409': problem('UNKNOWN, or CONFLICT with whoever has claimed or settled it.', 'Refusal'),
          ...tooLarge,
          ...refusals,
        },
      },
    },
    '/receipts/{id}': {
      get: {
        ...{ operationId: 'receipt', parameters: [id] },
        responses: {
          '200': { description: 'What is known of it.', content: json('Receipt') },
          '404': problem('No receipt has this id.'),
          ...refusals,
        },
      },
    },
  },
  components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } }, schemas },
} as const;
