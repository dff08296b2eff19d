/** `init --check`: which registered activities act, and are not guarded. */
import { activitiesOf, placeOf, type Activity } from './activities';
import { actsOf, type Acting } from './acts';
import type { Making } from './calls';
import type { Project } from './project';

/** What is found of one activity. */
export interface Checked extends Pick<Activity, 'name' | 'file' | 'line'> {
  readonly guarding: Activity['guarding'] | null;
  readonly acts: readonly Acting[];
}

/** What is found of a project. */
export interface Found {
  readonly activities: readonly Checked[];
  /** Workers whose activities cannot be told. */
  readonly untold: readonly string[];
  /** Those that act and are neither guarded nor excepted. */
  readonly unguarded: readonly string[];
}

/** @param except names of activities that may act unguarded */
export function check(project: Project, makings: readonly Making[], except: readonly string[]): Found {
  const { known, untold } = activitiesOf(project, makings);
  const activities = known.map((activity): Checked => {
    const { name, file, line, guarding = null } = activity;
    return { name, file, line, guarding, acts: actsOf(project, activity) };
  });
  const unguarded = activities
    .filter(({ name, guarding, acts }) => guarding === null && acts.length > 0 && !except.includes(name))
    .map(({ name }) => name);
  return { activities, untold: untold.map((making) => placeOf(project, making)), unguarded };
}
