import { connect, createServer, type Socket } from "node:net";
import { endTogether } from "./paired-sockets.ts";

/** Lets clients through to another port of this machine: the second way into our brokers names a port where nothing listens. */
export async function openPipe(listenPort: number, targetPort: number): Promise<{ close(): Promise<void> }> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const broker = connect(targetPort, "127.0.0.1");
    client.pipe(broker).pipe(client);
    endTogether(client, broker, open);
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
