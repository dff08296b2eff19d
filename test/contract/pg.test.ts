import { scratchSchema } from '../support/scratch-schema';
import { describeReceiptStore } from './receipt-store';
import { together } from './together';

describeReceiptStore('Postgres through pg', () => scratchSchema());
describeReceiptStore('Postgres through pg, many calls together', () => together(scratchSchema()));
