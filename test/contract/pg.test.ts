import { scratchSchema } from '../support/scratch-schema';
import { describeReceiptStore } from './receipt-store';

describeReceiptStore('Postgres through pg', () => scratchSchema());
