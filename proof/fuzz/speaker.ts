/** The MCP server of this package behind the SDK's own transport for standard streams, in this process. */
/* eslint-disable @typescript-eslint/no-require-imports -- the SDK's CommonJS build */
import { PassThrough } from 'node:stream';

import type * as StdioModule from '@modelcontextprotocol/sdk/server/stdio.js' with {
  'resolution-mode': 'import',
};

import type { ReceiptStore } from '../../src/core';
import { claimServer } from '../../src/tools/mcp';

const { StdioServerTransport } = require('@modelcontextprotocol/sdk/server/stdio.js') as typeof StdioModule;

export type Message = Readonly<Record<string, unknown>>;

/** A client that may send anything. */
export class Speaker {
  private readonly input = new PassThrough();
  private readonly output = new PassThrough();
  private readonly waiting = new Map<unknown, (message: Message) => void>();
  private rest = '';
  private pings = 0;

  private constructor() {
    this.output.setEncoding('utf8').on('data', (chunk: string) => this.hear(chunk));
  }

  static async to(receipts: ReceiptStore, client: unknown): Promise<Speaker> {
    const speaker = new Speaker();
    const server = claimServer(receipts);
    await server.connect(new StdioServerTransport(speaker.input, speaker.output));
    const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: client };
    await speaker.ask({ jsonrpc: '2.0', id: 'initialize', method: 'initialize', params });
    speaker.say(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
    return speaker;
  }

  /** Sends a line, whatever is in it. */
  say(line: string | Uint8Array): void {
    this.input.write(line);
    this.input.write('\n');
  }

  /** Sends a request and waits for its answer. */
  ask(message: Message): Promise<Message> {
    const answer = new Promise<Message>((resolve) => this.waiting.set(message['id'], resolve));
    this.say(JSON.stringify(message));
    return answer;
  }

  /** Calls a tool and gives what it says, or the error. */
  async call(name: string, args: unknown): Promise<Message> {
    const id = `call-${++this.pings}`;
    return this.ask({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } });
  }

  /** Whether it still answers. */
  async ping(): Promise<void> {
    await this.ask({ jsonrpc: '2.0', id: `ping-${++this.pings}`, method: 'ping' });
  }

  private hear(chunk: string): void {
    const lines = (this.rest + chunk).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      const message = JSON.parse(line) as Message;
      const answered = this.waiting.get(message['id']);
      this.waiting.delete(message['id']);
      answered?.(message);
    }
  }
}
