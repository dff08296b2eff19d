/** One set of secrets that tests put wherever a user's data passes, and a search of all that comes out. */
import { inspect } from 'node:util';

/** Test data: none opens anything. */
export const planted = {
  card: '4000056655665556',
  token: 'sk_live_PlantedToken4eC39HqLy',
  bearer: 'PlantedBearer.eyJzdWIiOiI0MiJ9.c2ln',
  email: 'planted.person@example.org',
  password: 'planted-Pa55word-of-the-database',
} as const;

/** All of them, as a payload or a result has them. */
export const secretive = {
  ...{ card: { number: planted.card }, apiKey: planted.token, to: [planted.email] },
  ...{ headers: { authorization: `Bearer ${planted.bearer}` }, url: `postgres://app:${planted.password}@db` },
};

/** All of them in one text. */
export const told = Object.values(planted).join(' ');

/** An error that tells them everywhere: message, stack, cause, properties of its own. */
export function secretiveError(): Error {
  const cause = Object.assign(new TypeError(`upstream: ${told}`), { body: secretive });
  const error = new Error(`the provider answered: ${told}`, { cause });
  return Object.assign(error, { details: [secretive], response: { data: secretive }, config: secretive });
}

/** Eight bits of base64 are not whole letters: the text as it stands in a longer one, at each of three places. */
const base64Forms = (text: string): string[] =>
  [0, 1, 2].map((before) => {
    const letters = Buffer.from(' '.repeat(before) + text).toString('base64');
    return letters.slice(before === 0 ? 0 : 4, -4);
  });

/** How a text may stand in an output. */
const formsOf = (text: string): string[] => [
  ...[text, encodeURIComponent(text), Buffer.from(text).toString('hex'), ...base64Forms(text)],
];

/** The planted secrets that stand in a text, in clear, in hex, in base64 or escaped. */
export const leaksIn = (text: string): string[] =>
  Object.entries(planted).flatMap(([name, secret]) =>
    formsOf(secret).some((form) => text.includes(form)) ? [name] : [],
  );

/** Anything as a text, with what printing and logging leaves out: hidden properties, too. */
export const wholly = (value: unknown): string =>
  [
    inspect(value, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null }),
    jsonOf(value),
  ].join('\n');

const jsonOf = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
};

/** Places where something comes out, by name, and what came out there. */
export class Sinks {
  private readonly caught = new Map<string, string[]>();

  /** Keeps what came out. */
  catch(sink: string, ...values: readonly unknown[]): void {
    const texts = values.map((value) => (typeof value === 'string' ? value : wholly(value)));
    this.caught.set(sink, [...(this.caught.get(sink) ?? []), ...texts]);
  }

  /**
   * Which sinks tell a secret, and which say nothing of what was done, so that their silence would mean nothing.
   * @param controls for each sink what stands in it: no secret, and there with the secrets at the start
   */
  verdict(controls: Readonly<Record<string, string | RegExp>>): { leaking: string[]; silent: string[] } {
    const all = Object.keys(controls);
    const text = (sink: string): string => (this.caught.get(sink) ?? []).join('\n');
    const unexpected = [...this.caught.keys()].filter((sink) => !all.includes(sink));
    return {
      leaking: [...all, ...unexpected].flatMap((sink) =>
        leaksIn(text(sink)).map((name) => `${sink}: ${name}`),
      ),
      silent: [
        ...all.filter((sink) => text(sink).search(asPattern(controls[sink] ?? '')) < 0),
        ...unexpected,
      ],
    };
  }
}

const asPattern = (control: string | RegExp): RegExp =>
  typeof control === 'string' ? new RegExp(control.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : control;

/** What a clean verdict is. */
export const clean = { leaking: [], silent: [] };
