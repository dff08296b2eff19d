import { createHash } from 'node:crypto';
import { createTransport } from 'nodemailer';
import type { Transporter } from 'nodemailer';
import type { HttpClient } from './http-client';

export interface Mail {
  orderId: string;
  to: { name: string; address: string };
  subject: string;
  text: string;
}

export interface SentMail {
  messageId: string;
}

export interface MailerOptions {
  host: string;
  port: number;
  /** What this machine calls itself when it says EHLO. */
  clientName: string;
  /** The mail provider's event API: which messages it has accepted. */
  events: HttpClient;
}

/** Sends over SMTP and can ask the mail provider whether a message has arrived there. */
export class Mailer {
  private readonly transport: Transporter;

  constructor(private readonly options: MailerOptions) {
    const { host, port, clientName } = options;
    const timeoutMs = 3_500;
    this.transport = createTransport({
      host,
      port,
      name: clientName,
      secure: false,
      ignoreTLS: true,
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
    });
  }

  async send(mail: Mail, { messageId }: { messageId: string | undefined }): Promise<SentMail> {
    const sent = (await this.transport.sendMail({
      from: { name: 'The Shop', address: 'orders@shop.example' },
      to: mail.to,
      subject: mail.subject,
      text: mail.text,
      headers: { 'X-Order': mail.orderId },
      ...(messageId === undefined ? {} : { messageId }),
    })) as SentMail;
    return { messageId: sent.messageId };
  }

  async find(messageId: string): Promise<SentMail | undefined> {
    const { data } = await this.options.events.get<{ data: SentMail[] }>('/messages', {
      messageId,
    });
    return data[0];
  }
}

/** A request id can be of any length and in any script; a Message-ID can't, so it gets a hash. */
export function messageIdOf(requestId: string): string {
  return `<${createHash('sha256').update(requestId).digest('hex')}@shop.example>`;
}
