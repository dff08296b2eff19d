/** All workflows of which there are recorded histories, each in its latest version. */
export * from '../fixtures/nexus-workflows';
export * from '../fixtures/turning-workflows';
export * from '../fixtures/workflows';
export * from '../ids/workflows';
export { changing } from '../ids/workflows-next';
export { goOn } from '../ids/workflows'; // a name that several have
