/** What guardTool() promises to the compiler, with the SDK's own types. Wrong types fail the build, not the run. */
import { expectTypeOf } from 'expect-type';
import { z } from 'zod';

import { Guard, memoryReceipts, type EffectClaim } from '../../src';
import { guardTool, type McpRequest } from '../../src/tools/mcp';
import { newServer, type CallToolResult } from '../support/mcp';

describe('the types of guardTool()', () => {
  it('make a callback for registerTool that gets what its schemas give', () => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const guard = new Guard({ receipts: memoryReceipts() });
    const server = newServer();
    const tool = server.registerTool(
      'refund',
      {
        inputSchema: { order: z.string(), cents: z.number().optional() },
        outputSchema: { refund: z.string() },
      },
      guardTool(
        { guard, action: 'refund', requestId: (args) => `refund:${args.order}` },
        (args, claim, request) => {
          expectTypeOf(args.order).toEqualTypeOf<string>();
          expectTypeOf(args.cents).toEqualTypeOf<number | undefined>();
          expectTypeOf(claim).toEqualTypeOf<EffectClaim>();
          expectTypeOf(request).toEqualTypeOf<McpRequest>();
          return { content: [], structuredContent: { refund: args.order } };
        },
      ),
    );
    server.registerTool(
      'whole',
      { inputSchema: z.object({ order: z.string() }) },
      guardTool(
        {
          ...{ guard, action: 'whole', trustClientIds: true },
          requestId: ({ order }, { authInfo }) => `${authInfo?.clientId}:${order}`,
        },
        async ({ order }): Promise<CallToolResult> => ({ content: [{ type: 'text', text: order }] }),
      ),
    );
    server.registerTool(
      'wrong',
      { inputSchema: { order: z.string() } },
      // @ts-expect-error -- the tool has no such argument
      guardTool({ guard, action: 'wrong', requestId: (args: { invoice: string }) => args.invoice }, () => ({
        content: [],
      })),
    );
    const asking = () =>
      // @ts-expect-error -- there is no workflow that could be asked
      guardTool({ guard, action: 'asks', requestId: () => '1', onUnknown: 'ask' }, () => ({ content: [] }));
    expect(asking).toThrow('ask');
    // @ts-expect-error -- a result of a tool has content
    guardTool({ guard, action: 'nothing', requestId: () => '1' }, () => 1);
    expect(tool.enabled).toBe(true);
  });
});
