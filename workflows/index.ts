export { orderAgent } from './order-agent';
export type { AgentOutcome } from './order-agent';
