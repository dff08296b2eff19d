/** Links to the web pages of others, with ids that come from outside. */

/** Where they lead. */
export interface Links {
  /** Temporal's web page. */
  readonly ui: string | undefined;
  /** The provider's, with `{requestId}` in it. */
  readonly provider: string | undefined;
}

const placeholder = '{requestId}';

/** What is wrong with a template, or `undefined`: an id must not choose where a link leads. */
export function providerLinkProblem(template: string): string | undefined {
  if (!template.includes(placeholder)) return `it does not hold ${placeholder}`;
  const [one, other] = ['a', 'b'].map((id) => template.replaceAll(placeholder, id));
  if (pageOrigin(one) === undefined) return 'it is no http or https URL';
  return pageOrigin(one) === pageOrigin(other) ? undefined : `${placeholder} stands before its path`;
}

/** The origin of a web page; `undefined` for what is none. */
export function pageOrigin(text: string | undefined): string | undefined {
  try {
    const { protocol, origin } = new URL(text ?? '');
    return /^https?:$/.test(protocol) ? origin : undefined;
  } catch {
    return undefined;
  }
}

export const providerLink = ({ provider }: Links, requestId: string): string | undefined =>
  provider?.replaceAll(placeholder, () => encodeURIComponent(requestId));
