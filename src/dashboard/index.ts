/** The web page for the people who look after receipts. */
export { createDashboard } from './app';
export type { DashboardOptions } from './app';
