import { connect, createServer } from "node:net";

/** Lets clients through to another port of this machine: the second way into our brokers names a port where nothing listens. */
export async function openPipe(listenPort: number, targetPort: number): Promise<{ close(): Promise<void> }> {
  const open = new Set<{ destroy(): unknown }>();
  const server = createServer((client) => {
    const broker = connect(targetPort, "127.0.0.1");
    client.pipe(broker).pipe(client);
    for (const [one, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      open.add(one);
      // A reset is how a broker that went away looks from here.
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(listenPort, "127.0.0.1", resolve));
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const it of open) it.destroy();
      }),
  };
}
