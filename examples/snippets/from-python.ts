/** The guide for those who come from safeagent-exec-guard. */
import { Guard, type ReceiptStore } from 'activity-guard';

/** What is sent. */
export interface Mail {
  readonly to: string;
  readonly text: string;
}

type Send = (mail: Mail) => Promise<{ id: string }>;

/** Its `registry.execute()`. */
export async function sendOnce(receipts: ReceiptStore, mail: Mail, sendEmail: Send) {
  // #region execute
  const guard = new Guard({ receipts });
  const receipt = await guard.execute({
    requestId: 'email:C123:invoice',
    action: 'send_email',
    payload: mail,
    run: sendEmail,
  });
  if (receipt.ok) console.log(receipt.reason, receipt.result); // executed, or dedup_same_request_id
  // #endregion
  return receipt;
}

/** Its decorator. */
export function sending(guard: Guard, sendEmail: Send): Send {
  // #region wrap
  const safeSend = guard.wrap(
    { action: 'send_email', requestId: (mail: Mail) => `email:${mail.to}` },
    sendEmail,
  );
  // #endregion
  return safeSend;
}
