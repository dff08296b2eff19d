import { Refusal } from './http-service';
import type { Body } from './http-service';

/** A field that must be there, and text. */
export function text(body: Body, field: string, maxLength = 500): string {
  const value = body[field];
  if (typeof value === 'string' && value !== '' && value.length <= maxLength) return value;
  throw new Refusal(422, 'invalid_field', `${field} must be text of 1 to ${maxLength} characters`);
}

/** The merchant's own name for the request: kept if given, and never looked at. */
export function reference(body: Body): { reference?: string } {
  return body['reference'] === undefined ? {} : { reference: text(body, 'reference', 2_000) };
}

/** An amount in minor units and its currency. */
export function money(body: Body): { amount: number; currency: string } {
  const amount = body['amount'];
  const currency = text(body, 'currency', 3);
  if (!Number.isSafeInteger(amount) || (amount as number) <= 0) {
    throw new Refusal(422, 'invalid_field', 'amount must be a positive integer in minor units');
  }
  if (!/^[A-Z]{3}$/.test(currency)) {
    throw new Refusal(422, 'invalid_field', 'currency must be a code like EUR');
  }
  return { amount: amount as number, currency };
}
