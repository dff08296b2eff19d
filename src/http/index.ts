/** activity-guard/http: POSTs and webhooks that happen once for each key, in servers made with Hono, Express or Fastify. */
export { expressGuard } from './middleware/express';
export type { ExpressHandler, ExpressNext, ExpressRequestLike } from './middleware/express';
export { fastifyGuard } from './middleware/fastify';
export type { FastifyGuardHooks, FastifyReplyLike, FastifyRequestLike } from './middleware/fastify';
export { honoGuard } from './middleware/hono';
export type { HonoContextLike, HonoMiddleware } from './middleware/hono';
export type { HttpGuardOptions, InboundRequest } from './middleware/options';
export type { StoredResponse } from './middleware/response';
