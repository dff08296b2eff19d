/** All rows of the matrix. */
import type { Scenario } from './matrix';
import { activityScenarios } from './scenarios-activity';
import { childScenarios } from './scenarios-children';
import { resetScenarios } from './scenarios-reset';
import { runScenarios } from './scenarios-runs';

export const scenarios: readonly Scenario[] = [
  ...activityScenarios,
  ...resetScenarios,
  ...runScenarios,
  ...childScenarios,
];

/** What the recorded histories of a row are called; a number follows. */
export const historyOf = (row: string): string => `ids/${row.replace(/\W+/g, '-')}`;
