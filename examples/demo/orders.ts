import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Order } from '../../activities/order';

const text = z.string().min(1);
const amount = z.int().nonnegative();

const orderSchema = z.strictObject({
  id: text,
  placedAt: text,
  customer: z.strictObject({ name: text, email: text, country: text, locale: text }),
  card: z.strictObject({ token: text, country: text }),
  currency: text.length(3),
  items: z.array(z.strictObject({ sku: text, name: text, quantity: amount, unitAmount: amount })).min(1),
  shippingAmount: amount,
  total: amount.positive(),
  giftMessage: text.exactOptional(),
  riskScore: z.number().min(0).max(100).exactOptional(),
  payouts: z
    .array(z.strictObject({ sellerId: text, sellerName: text, amount: amount.positive() }))
    .exactOptional(),
});

/** The compiled demo lies two folders deep in `dist`, the file it reads beside its source. */
const ORDERS_FILE = path.resolve(__dirname, '../../../examples/orders.json');

export async function readOrders(file: string = ORDERS_FILE): Promise<Order[]> {
  const orders = z.array(orderSchema).parse(JSON.parse(await readFile(file, 'utf8')));
  const ids = new Set(orders.map(({ id }) => id));
  if (ids.size !== orders.length) throw new Error(`two orders in ${file} have the same id`);
  return orders;
}
