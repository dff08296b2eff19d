/** The guide for mails: providers that can be asked, and plain SMTP, which cannot. */
import { createHash } from 'node:crypto';

import { committed, notCommitted, RejectedError } from 'activity-guard';
import { guarded, requestId } from 'activity-guard/activity';

/** What is sent. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** The part of a mail client that is used. */
export interface Mailer {
  send(mail: Mail & { readonly messageId: string }): Promise<{ messageId: string }>;
  /** Which messages the provider has accepted. */
  find(messageId: string): Promise<{ messageId: string } | undefined>;
}

// #region message-id
/** A request id has any characters and up to 512 bytes, a Message-ID has not. */
const messageIdOf = (requestId: string) =>
  `<${createHash('sha256').update(requestId).digest('hex')}@shop.example>`;
// #endregion

/** A mail through a provider with an API for events. */
export const byEvents = (mailer: Mailer) =>
  // #region events
  guarded(
    {
      graceFor: '5m', // events may come that late
      onUnknown: async ({ requestId }) => {
        const sent = await mailer.find(messageIdOf(requestId));
        return sent ? committed(sent) : notCommitted();
      },
    },
    async function sendMail(mail: Mail) {
      return mailer.send({ ...mail, messageId: messageIdOf(requestId()) });
    },
  );
// #endregion

/** A mail over SMTP alone, where nobody can be asked. */
export const overSmtp = (mailer: Pick<Mailer, 'send'>) =>
  // #region smtp
  guarded({ onUnknown: 'hold' }, async function sendMail(mail: Mail) {
    if (!mail.to.includes('@')) throw new RejectedError('the address has no @');
    return mailer.send({ ...mail, messageId: messageIdOf(requestId()) });
  });
// #endregion
