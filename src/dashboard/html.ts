/** Pieces of pages. Everything that is put into one is escaped. */
import { html, raw } from 'hono/html';

import type { Receipt } from '../core';
import { hashRequestId, hashedRequestId } from '../ids';

/** A piece of a page. */
export type Html = ReturnType<typeof html>;
export { html };

export const nothing = raw('');

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** A time span for people: two units at most. */
export function span(ms: number): string {
  const index = units.findIndex(([, size]) => ms >= size);
  const [unit, size] = units[index] ?? [];
  if (unit === undefined || size === undefined) return `${Math.max(0, Math.round(ms))} ms`;
  const [smaller, smallerSize] = units[index + 1] ?? [];
  if (smaller === undefined || smallerSize === undefined) return `${Math.floor(ms / size)} s`;
  const rest = Math.floor((ms % size) / smallerSize);
  return rest === 0
    ? `${Math.floor(ms / size)} ${unit}`
    : `${Math.floor(ms / size)} ${unit} ${rest} ${smaller}`;
}

/** How long ago something was. */
export const ago = (ms: number): string => (ms < 1000 ? 'just now' : `${span(ms)} ago`);

/** A moment, as the database tells it: all clocks of a page are that one. */
export const time = (iso: string): Html =>
  html`<time datetime="${iso}">${iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time>`;

export const badge = (state: string): Html => html`<span class="badge ${state}">${state}</span>`;

/** Characters that are not seen, or turn the text around, are shown as what they are. */
export const visible = (outside: string): string =>
  outside.replace(/\p{C}/gu, (char) => (char === '\n' ? char : `\\u{${char.codePointAt(0)?.toString(16)}}`));

/** What comes from outside. */
export const text = (outside: string): Html => html`<bdi>${visible(outside)}</bdi>`;

/** An id whose path a browser would take for a step up is known by its hash. */
const inPath = (requestId: string): string =>
  encodeURIComponent(/^\.{1,2}$/.test(requestId) ? hashedRequestId(hashRequestId(requestId)) : requestId);

export const receiptPath = ({ requestId }: Pick<Receipt, 'requestId'>): string =>
  `/receipts/${inPath(requestId)}`;

/** Where a link to elsewhere leads is told in words, too: it opens a page of others. */
export const outside = (url: string, text: string): Html =>
  html`<a href="${url}" rel="noreferrer" target="_blank">${text} <span aria-hidden="true">↗</span></a>`;

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
