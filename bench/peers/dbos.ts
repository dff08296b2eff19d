/** DBOS: a workflow of one step, whose workflow id is the id of the intent. */
import { load, poolSize, type StartPeer } from './peer';

interface Dbos {
  setConfig(config: object): void;
  registerWorkflow<F>(workflow: F, options: { name: string }): F;
  runStep<T>(step: () => Promise<T>, options: { name: string }): Promise<T>;
  launch(): Promise<void>;
  startWorkflow(
    workflow: () => Promise<object>,
    options: { workflowID: string },
  ): () => Promise<{ getResult(): Promise<object> }>;
  shutdown(): Promise<void>;
}

export const dbos: StartPeer = async ({ databaseUrl }, effect) => {
  const { DBOS } = load<{ DBOS: Dbos }>('@dbos-inc/dbos-sdk');
  DBOS.setConfig({
    ...{ name: 'bench', systemDatabaseUrl: databaseUrl, systemDatabasePoolSize: poolSize, logLevel: 'error' },
  });
  const charge = DBOS.registerWorkflow(() => DBOS.runStep(async () => effect(), { name: 'charge' }), {
    name: 'charge',
  });
  await DBOS.launch();
  return {
    once: async (workflowID) => (await DBOS.startWorkflow(charge, { workflowID })()).getResult(),
    stop: () => DBOS.shutdown(),
  };
};
