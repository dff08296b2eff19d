/** The activities of the quick start. */
// #region activities
import { committed, notCommitted } from 'activity-guard';
import { guarded, requestId } from 'activity-guard/activity';
import { payments } from './payments';

export interface Order {
  id: string;
  cents: number;
}

export const chargeCard = guarded(
  {
    // Asked only where nobody knows whether the charge with this id happened.
    onUnknown: async ({ requestId }) => {
      const charge = await payments.find(requestId);
      return charge ? committed(charge) : notCommitted();
    },
  },
  async (order: Order) => payments.charge(order.cents, { reference: requestId() }),
);
// #endregion
