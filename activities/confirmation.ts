import type { Mail } from './mailer';
import type { Order } from './order';

/** The confirmation e-mail of an order, its amounts written as its customer's country does. */
export function confirmationMail(order: Order): Mail {
  const { customer, items } = order;
  const lines = items.map(({ quantity, name }) => `  ${quantity} × ${name}`);
  return {
    orderId: order.id,
    to: { name: customer.name, address: customer.email },
    subject: `Your order ${order.id}`,
    text: [
      `Thank you, ${customer.name}!`,
      '',
      ...lines,
      '',
      `Total: ${formatAmount(order.total, order.currency, customer.locale)}`,
    ].join('\n'),
  };
}

/** Minor units are not always hundredths: the yen has none and the Kuwaiti dinar a thousand. */
function formatAmount(minorUnits: number, currency: string, locale: string): string {
  const format = new Intl.NumberFormat(locale, { style: 'currency', currency });
  const { maximumFractionDigits = 2 } = format.resolvedOptions();
  return format.format(minorUnits / 10 ** maximumFractionDigits);
}
