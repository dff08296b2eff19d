/** What all pages have around them. */
import type { Viewer } from './access';
import { html, nothing, text, type Html } from './html';

/** What the pages are told. */
export interface Frame {
  readonly namespace: string;
  readonly viewer: Viewer;
  /** Whether one can sign in here. */
  readonly takesToken: boolean;
  /** The path that is shown, with its query. */
  readonly path: string;
}

/** What is said to somebody of what he has just done. */
export interface Told {
  readonly isGood: boolean;
  readonly words: string;
}

interface Page {
  readonly title: string;
  readonly main: Html;
  /** Which of the places of the navigation it is. */
  readonly place?: 'queue' | 'receipts' | 'activity';
  /** Where it looks again by itself, every few seconds. */
  readonly refreshFrom?: string | undefined;
  /** What somebody has just done, and is told. */
  readonly told?: Told | undefined;
  readonly scripts?: readonly string[];
  /** What is searched for. */
  readonly query?: string;
}

/** Without JavaScript a page reloads as a whole, which is not to happen too often. */
const plainRefreshSeconds = 30;

const keys: readonly (readonly [string, string])[] = [
  ['j, k', 'the next, or the previous one of a list'],
  ['Enter', 'open it'],
  ['/', 'search'],
  ['r', 'look again'],
  ['u', 'back to the queue'],
  ['?', 'this list; Escape closes it'],
];

export function page(
  frame: Frame,
  { title, main, place, refreshFrom, told, scripts = [], query = '' }: Page,
): Html {
  const link = (name: Page['place'], href: string, label: string): Html =>
    html`<a href="${href}" ${name === place ? html`aria-current="page"` : nothing}>${label}</a>`;
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${title} · activity-guard</title>
    <link rel="stylesheet" href="/static/app.css" />
    ${scripts.includes('charts') ? html`<link rel="stylesheet" href="/static/uplot.css" />` : nothing}
    <link rel="icon" href="/static/favicon.svg" type="image/svg+xml" />
    <script src="/static/app.js" type="module"></script>
    ${scripts.includes('charts') ? html`<script src="/static/uplot.js" defer></script>` : nothing}
    ${scripts.map((name) => html`<script src="/static/${name}.js" type="module"></script>`)}
    ${refreshFrom === undefined ? nothing : html`<noscript><meta http-equiv="refresh" content="${plainRefreshSeconds}; url=${refreshFrom}" /></noscript>`}
  </head>
  <body ${refreshFrom === undefined ? nothing : html`data-refresh="${refreshFrom}"`}>
    <a class="skip" href="#main">Skip to the content</a>
    <header>
      <strong class="brand">activity-guard</strong>
      <span class="namespace" title="namespace">${text(frame.namespace)}</span>
      ${
        frame.viewer.mayRead
          ? html`<nav aria-label="Pages">${link('queue', '/', 'Queue')}${link('receipts', '/receipts', 'Search')}${link('activity', '/activity', 'Activity')}</nav>
      <form class="search" role="search" action="/receipts">
        <input name="q" type="search" value="${query}" placeholder="Request id, workflow, action …  ( / )" aria-label="Search receipts" />
      </form>`
          : nothing
      }
      ${signedIn(frame)}
    </header>
    ${told ? html`<p class="told ${told.isGood ? 'done' : 'problem'}" role="alert">${told.words}</p>` : nothing}
    <p id="notice" class="told" role="status" hidden></p>
    <main id="main" tabindex="-1">${main}</main>
    <dialog id="keys" aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      <dl>${keys.map(([key, what]) => html`<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`)}</dl>
      <form method="dialog"><button>Close</button></form>
    </dialog>
  </body>
</html>`;
}

function signedIn({ viewer, takesToken, path }: Frame): Html {
  if (viewer.user === undefined)
    return takesToken
      ? html`<a class="who button" href="/sign-in?next=${encodeURIComponent(path)}">Sign in</a>`
      : html`<span class="who muted">read-only</span>`;
  const name = html`<span title="who decides">${text(viewer.user)}</span>`;
  return takesToken
    ? html`<form class="who" method="post" action="/sign-out">${name}${csrfField(viewer.csrf)}<button class="link">Sign out</button></form>`
    : html`<span class="who">${name}</span>`;
}

export const csrfField = (csrf: string): Html => html`<input type="hidden" name="csrf" value="${csrf}" />`;

/** A page that only says something. */
export const messagePage = (frame: Frame, title: string, words: string): Html =>
  page(frame, { title, main: html`<h1>${title}</h1><p>${words}</p>` });

/** @param problem what was wrong with the last attempt */
export const signInPage = (frame: Frame, csrf: string, next: string, problem?: string): Html =>
  page(frame, {
    title: 'Sign in',
    main: html`<h1>Sign in</h1>
      <form class="panel narrow" method="post" action="/sign-in">
        ${problem === undefined ? nothing : html`<p class="problem" role="alert">${problem}</p>`}
        ${csrfField(csrf)}<input type="hidden" name="next" value="${next}" />
        <label>Your name <input name="name" autocomplete="name" maxlength="100" required autofocus /></label>
        <p class="hint">Kept with each of your decisions.</p>
        <label>Token <input name="token" type="password" autocomplete="current-password" required /></label>
        <p class="hint">The one that this dashboard was started with.</p>
        <button class="primary">Sign in</button>
      </form>`,
  });

/** The browser comes from another site, and keeps back the cookie of the session: a step from here brings it along. */
export const stepPage = (path: string): Html => html`<!doctype html>
<html lang="en"><head><meta charset="utf-8" /><title>activity-guard</title><meta http-equiv="refresh" content="0; url=${path}" /></head>
<body><p><a href="${path}">Go on</a></p></body></html>`;
