/** DBOS: a workflow of one step, whose workflow id is the id of the intent. */
import { load, poolSize, type StartPeer } from './peer';

interface Dbos {
  setConfig(config: object): void;
  registerWorkflow<F>(workflow: F, options: { name: string }): F;
  runStep<T>(step: () => Promise<T>, options: { name: string }): Promise<T>;
  launch(): Promise<void>;
  startWorkflow(
    workflow: (id: string) => Promise<object>,
    options: { workflowID: string },
  ): (id: string) => Promise<{ getResult(): Promise<object> }>;
  shutdown(): Promise<void>;
}

export const dbos: StartPeer = async ({ databaseUrl, site }, effect) => {
  const { DBOS } = load<{ DBOS: Dbos }>('@dbos-inc/dbos-sdk');
  DBOS.setConfig({
    ...{ name: 'bench', systemDatabaseUrl: databaseUrl, systemDatabasePoolSize: poolSize, logLevel: 'error' },
    // On start it carries on with what processes of its own name have left.
    ...(site !== undefined && { executorID: site }),
  });
  const step = (id: string) => DBOS.runStep(async () => effect(id), { name: 'charge' });
  const charge = DBOS.registerWorkflow(step, { name: 'charge' });
  await DBOS.launch();
  return {
    once: async (workflowID) => (await DBOS.startWorkflow(charge, { workflowID })(workflowID)).getResult(),
    stop: () => DBOS.shutdown(),
  };
};
