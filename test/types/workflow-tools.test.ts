/** What guardTool() of workflows promises to the compiler. Wrong types fail the build, not the run. */
import { tool, type Tool } from 'ai';
import { expectTypeOf } from 'expect-type';
import { z } from 'zod';

import { guardTool, isToolFailure, type ToolFailure } from '../../src/temporal/workflow/tools';

interface Mail {
  readonly invoice: string;
  readonly to: string;
  readonly text: string;
}
interface Sent {
  readonly id: string;
}

const sendMail = async ({ invoice }: Mail): Promise<Sent> => ({ id: invoice });
const plan = { id: 'C123', invoices: ['7'] };

describe('the types of guardTool()', () => {
  it('are those of the activity, and its failures', () => {
    const send = guardTool(
      {
        intentId: ({ invoice }) =>
          plan.invoices.includes(invoice) ? `${plan.id}:mail:${invoice}` : undefined,
        fingerprint: (mail) => {
          expectTypeOf(mail).toEqualTypeOf<Mail>();
          return [mail.invoice, mail.to];
        },
      },
      sendMail,
    );
    expectTypeOf(send).toEqualTypeOf<(input: Mail) => Promise<Sent | ToolFailure>>();
    expectTypeOf<Sent | ToolFailure>().toExtend<Awaited<ReturnType<typeof send>>>();
    const read = (output: Sent | ToolFailure): string => (isToolFailure(output) ? output.message : output.id);
    expect(read({ id: 'm_1' })).toBe('m_1');

    // @ts-expect-error an intent needs an id
    expect(() => guardTool({}, sendMail)).toThrow('intentId');
    // @ts-expect-error the activity's input has no such field
    expect(() => guardTool({ intentId: ({ order }) => order }, sendMail)).not.toThrow();
  });

  it('make an execute of the AI SDK', () => {
    const inputSchema = z.object({ invoice: z.string(), to: z.string(), text: z.string() });
    const send_mail = tool({ inputSchema, execute: guardTool({ intentId: () => plan.id }, sendMail) });
    expectTypeOf(send_mail).toExtend<Tool<Mail, Sent | ToolFailure>>();
    const other = z.object({ invoice: z.number() });
    // @ts-expect-error the schema gives what the activity does not take
    tool({ inputSchema: other, execute: guardTool({ intentId: () => plan.id }, sendMail) });
  });
});
