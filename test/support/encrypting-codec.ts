/** A payload codec that encrypts, as for a namespace whose operator must not read payloads; it can be made to fail. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

import type { Payload, PayloadCodec } from '@temporalio/common';
import { decode, encode } from '@temporalio/common/lib/encoding';
import { temporal } from '@temporalio/proto';

const encoding = encode('binary/encrypted');
const { Payload: payloadType } = temporal.api.common.v1;
const ivBytes = 12;
const tagBytes = 16;

type Owner = Parameters<PayloadCodec['encode']>[1];

/** Whether a payload is on its way into or out of a receipt: those belong to no single activity. */
export const ofReceipt = (owner: Owner): boolean =>
  owner?.type === 'activity' && owner.activityId === undefined;

export class EncryptingCodec implements PayloadCodec {
  private readonly key = randomBytes(32);
  /** Called before each encoding or decoding; what it throws is the key service's failure. */
  before: (step: 'encode' | 'decode', owner: Owner) => void = () => undefined;

  /** The next `count` steps of this kind that `concern` applies to fail. Returns how many are left to fail. */
  fail(
    step: 'encode' | 'decode',
    count: number,
    concern: (owner: Owner) => boolean = ofReceipt,
  ): () => number {
    let left = count;
    this.before = (now, owner) => {
      if (now === step && left > 0 && concern(owner)) {
        left--;
        throw new Error('the key service is away');
      }
    };
    return () => left;
  }

  encode(payloads: Payload[], owner?: Owner): Promise<Payload[]> {
    return this.each('encode', payloads, owner, (payload) => {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', this.key, iv);
      const body = [cipher.update(payloadType.encode(payload).finish()), cipher.final()];
      return { metadata: { encoding }, data: Buffer.concat([iv, ...body, cipher.getAuthTag()]) };
    });
  }

  decode(payloads: Payload[], owner?: Owner): Promise<Payload[]> {
    return this.each('decode', payloads, owner, (payload) => {
      if (decode(payload.metadata?.['encoding'] ?? new Uint8Array()) !== 'binary/encrypted') return payload;
      const data = Buffer.from(payload.data ?? []);
      const decipher = createDecipheriv('aes-256-gcm', this.key, data.subarray(0, ivBytes));
      decipher.setAuthTag(data.subarray(-tagBytes));
      return payloadType.decode(
        Buffer.concat([decipher.update(data.subarray(ivBytes, -tagBytes)), decipher.final()]),
      );
    });
  }

  private async each(
    step: 'encode' | 'decode',
    payloads: Payload[],
    owner: Owner,
    convert: (payload: Payload) => Payload,
  ): Promise<Payload[]> {
    this.before(step, owner);
    return payloads.map(convert);
  }
}
