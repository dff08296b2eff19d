/** What `init` would add to a project. */
import { activitiesOf, type Activities, type Activity } from './activities';
import { actsOf, rankOf, type Acting } from './acts';
import type { Making } from './calls';
import { Refusal, type TypeScript } from './compiler';
import type { Change, Insertion } from './diff';
import { manifestChange } from './manifest';
import type { Project } from './project';
import { guardAdded, isGuarded, nameAdded, type Chosen } from './worker-changes';

const namesOf = (activities: readonly Activity[]): string => activities.map(({ name }) => name).join(', ');

function asked({ known, untold }: Activities, name: string): Chosen | undefined {
  const activity = known.find((each) => each.name === name);
  if (activity) return activity.guarding === undefined ? { name, makings: activity.makings } : undefined;
  if (untold.length > 0) return { name, makings: untold };
  throw new Refusal(`No worker here registers an activity ${name}, but these: ${namesOf(known) || 'none'}`);
}

/** The surest by what it calls, and the first of those that are equally sure; or the only one that there is. */
function surest(project: Project, { known, untold }: Activities): Chosen | undefined {
  const rated = known.map((activity) => ({ activity, because: actsOf(project, activity)[0] }));
  const [best] = rated
    .filter(({ because }) => because !== undefined)
    .sort((one, other) => rankOf(one.because as Acting) - rankOf(other.because as Acting));
  if (best) return { ...best.activity, because: best.because };
  const [only] = known;
  if (known.length > 1 || untold.length > 0)
    throw new Refusal(
      `Which activity should happen once? None calls out as far as its text tells. Name one with --activity${known.length > 0 ? `: ${namesOf(known)}` : ''}`,
    );
  return only && { name: only.name, makings: only.makings };
}

/** What is added, and what is guarded. */
export interface Plan {
  readonly changes: readonly Change[];
  readonly chosen: Chosen | undefined;
}

/**
 * @param activity that is to be guarded; otherwise the first one is chosen, where none is guarded yet
 * @throws Refusal where something is not understood
 */
export function planFor(project: Project, makings: readonly Making[], activity: string | undefined): Plan {
  const withoutIn = (file: TypeScript.SourceFile): Making[] =>
    makings.filter((making) => making.file === file && !isGuarded(project, making));
  // What is not understood is told before somebody is asked for an activity.
  for (const file of project.files) guardAdded(project, withoutIn(file), undefined);
  const activities = activitiesOf(project, makings);
  const isNew = !makings.some((making) => isGuarded(project, making));
  const hasNone = isNew && activities.known.every(({ guarding }) => guarding === undefined);
  const chosen =
    activity !== undefined ? asked(activities, activity) : hasNone ? surest(project, activities) : undefined;
  const insertionsFor = (file: TypeScript.SourceFile): Insertion[] => {
    const without = withoutIn(file);
    const naming = chosen?.makings.find((making) => making.file === file && !without.includes(making));
    return [
      ...guardAdded(project, without, chosen),
      ...(naming && chosen ? nameAdded(project, naming, chosen.name) : []),
    ];
  };
  const files = project.files.map((file) => ({
    ...{ path: file.fileName, before: file.text, insertions: insertionsFor(file) },
  }));
  const changes = [...files, manifestChange(project)].filter(({ insertions }) => insertions.length > 0);
  return { changes, chosen };
}
