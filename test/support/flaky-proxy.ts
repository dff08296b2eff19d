/** A TCP proxy before a PostgreSQL server that can refuse, go silent, and cut a connection around one statement. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * Where the next statement's connection is cut: before the server gets it; after the server has answered, with
 * the answer withheld; or at once after it was passed on, so that the server still works at it.
 */
export type Cut = 'before' | 'after' | 'during';

/** The types of the messages that are complete in `bytes`; the first ones of a connection have no type byte. */
function* messageTypes(state: { rest: Buffer; isTyped: boolean }, bytes: Buffer): Generator<string> {
  state.rest = Buffer.concat([state.rest, bytes]);
  for (;;) {
    const head = state.isTyped ? 1 : 0;
    if (state.rest.length < head + 4) return;
    const end = head + state.rest.readInt32BE(head);
    if (state.rest.length < end) return;
    yield state.isTyped ? String.fromCharCode(state.rest[0] ?? 0) : 'startup';
    state.isTyped = true;
    state.rest = state.rest.subarray(end);
  }
}

const targetOf = (url: string): { host: string; port: number } => {
  const { hostname: host, port } = new URL(url);
  return { host, port: Number(port) };
};

export class FlakyProxy {
  /** How often a cut met a statement. */
  cuts = 0;
  private armed: Cut | undefined;
  private isSilent = false;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private target: { host: string; port: number },
    readonly port: number,
  ) {}

  /** @param url of the server behind it */
  static async before(url: string): Promise<FlakyProxy> {
    const server = createServer((client) => proxy.accept(client));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port: own } = server.address() as AddressInfo;
    const proxy = new FlakyProxy(server, targetOf(url), own);
    return proxy;
  }

  /** How many are open. */
  get connections(): number {
    return this.sockets.size / 2;
  }

  /** New connections go to another server, as after a failover. */
  retarget(url: string): void {
    this.target = targetOf(url);
  }

  /** The address of the database `url` through this proxy. */
  through(url: string): string {
    return Object.assign(new URL(url), { host: `127.0.0.1:${this.port}` }).href;
  }

  /** Cuts the connection of the next statement. */
  cutNext(cut: Cut): void {
    this.armed = cut;
  }

  /** Half-open: nothing passes any more, and nobody is told. New connections are accepted and get no answer. */
  blackHole(): void {
    this.isSilent = true;
    for (const socket of this.sockets) socket.pause();
  }

  /** The connections that are open go silent for good, as after a failover; new ones work. */
  strand(): void {
    for (const socket of this.sockets) socket.pause();
  }

  /** What was held back is passed on, as a network does that was away for a while. */
  heal(): void {
    this.isSilent = false;
    for (const socket of this.sockets) socket.resume();
  }

  /** Resets all connections; with `refuse`, new ones too until `accept` is called. */
  cutAll(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  async refuse(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.cutAll();
    await closed;
  }

  /** Listens again on the same port. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    if (this.server.listening) await this.refuse();
  }

  private accept(client: Socket): void {
    const server = connect(this.target);
    const pair = [client, server] as const;
    for (const [socket, other] of [pair, [server, client] as const]) {
      this.sockets.add(socket.setNoDelay(true));
      if (this.isSilent) socket.pause();
      socket.on('error', () => undefined);
      socket.on('close', () => (this.sockets.delete(socket), other.destroy()));
    }
    const end = (): void => pair.forEach((socket) => socket.resetAndDestroy());
    let withheld = false;
    const [sent, got] = [false, true].map((isTyped) => ({ rest: Buffer.alloc(0), isTyped }));
    client.on('data', (bytes: Buffer) => {
      const executes = [...messageTypes(sent as never, bytes)].some((type) => type === 'E' || type === 'Q');
      const cut = executes ? this.armed : undefined;
      if (cut) [this.armed, this.cuts] = [undefined, this.cuts + 1];
      if (cut === 'before') return end();
      server.write(bytes);
      if (cut === 'during') server.end(() => end());
      withheld ||= cut === 'after';
    });
    server.on('data', (bytes: Buffer) => {
      const types = [...messageTypes(got as never, bytes)];
      if (!withheld) client.write(bytes);
      else if (types.includes('Z')) end(); // ready for the next query: this one is committed
    });
  }
}
