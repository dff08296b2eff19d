/** A TCP proxy before a store that acts once, when the bytes have passed on that settle a call. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class SettleProxy {
  /** How often the bytes were seen. */
  hits = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: { readonly host: string; readonly port: number },
    private readonly settles: readonly RegExp[],
    private readonly act: (end: () => void) => void,
  ) {}

  /**
   * @param url of the store
   * @param settles what is seen on one connection, one after the other, when a call is settled
   * @param act what to do then; `end` cuts that connection, so that its answer is never heard
   */
  static async before(
    url: string,
    settles: readonly RegExp[],
    act: (end: () => void) => void,
  ): Promise<SettleProxy> {
    const { hostname: host, port } = new URL(url);
    const server = createServer((client) => proxy.accept(client));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new SettleProxy(server, { host, port: Number(port) }, settles, act);
    return proxy;
  }

  through(url: string): string {
    const { port } = this.server.address() as AddressInfo;
    const through = new URL(url);
    // `host` of a scheme that is not known cannot be set.
    return url.replace(through.host, `127.0.0.1:${port}`);
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private accept(client: Socket): void {
    const server = connect(this.target);
    for (const [socket, other] of [[client, server] as const, [server, client] as const]) {
      this.sockets.add(socket.setNoDelay(true));
      socket.on('error', () => undefined);
      socket.on('close', () => (this.sockets.delete(socket), other.destroy()));
    }
    let isDeaf = false;
    let seen = 0;
    const end = (): void => {
      isDeaf = true;
      server.end(() => client.resetAndDestroy()); // what was passed on is sent first
    };
    client.on('data', (bytes: Buffer) => {
      server.write(bytes);
      if (this.hits > 0 || !this.settles[seen]?.test(bytes.toString('latin1'))) return;
      if (++seen < this.settles.length) return;
      this.hits++;
      isDeaf = true;
      this.act(end);
    });
    server.on('data', (bytes: Buffer) => {
      if (!isDeaf) client.write(bytes);
    });
  }
}
