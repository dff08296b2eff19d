/** Request ids as people write them, which workflows need not know: their bundle does not hold this file. */
import { hashOfWrittenId, receiptKey, withoutGeneration } from './receipt-id';
import { generationSuffix, requestIdProblem } from './request-id';

/** Generations of an intent at most: each was started on purpose, and far fewer are ever needed. */
export const mostGenerations = 100;

/** What is wrong with a request id as people write it, or `undefined`: that of a later generation is one, too. */
export const writtenIdProblem = (text: unknown): string | undefined =>
  requestIdProblem(typeof text === 'string' ? withoutGeneration(text) : text);

/** The written id of the generation that comes after that of `text`. */
export function nextGenerationOf(text: string): string {
  const generation = Number(generationSuffix.exec(text)?.[1] ?? 1);
  return `${withoutGeneration(text)}~g${generation + 1}`;
}

/** Where the receipt of a request id is found, as people write it. */
export const keyOfWrittenId = (namespace: string, text: string): string =>
  receiptKey(namespace, hashOfWrittenId(text));
