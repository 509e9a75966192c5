import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { endTogether } from "./paired-sockets.ts";

/** A way to a Postgres that can be cut. */
export interface PostgresProxy {
  readonly url: string;
  /** Cuts the connection that next says `text`, after the server has heard it and before its answer comes back. */
  cutAfter(text: string): void;
  /** Cuts every connection, and refuses new ones until `mend`. */
  away(): void;
  mend(): void;
  /** Connections made so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/** Starts a proxy before the Postgres of `databaseUrl`. */
export async function startPostgresProxy(databaseUrl: string): Promise<PostgresProxy> {
  const { hostname, port } = new URL(databaseUrl);
  const open = new Set<Socket>();
  let isAway = false;
  let cutAt: string | undefined;
  let connections = 0;
  const server = createServer((client) => {
    if (isAway) return client.destroy();
    connections += 1;
    const upstream = connect(Number(port || 5432), hostname);
    let isCut = false;
    client.on("data", (bytes) => {
      upstream.write(bytes);
      if (cutAt !== undefined && bytes.includes(cutAt)) {
        cutAt = undefined;
        isCut = true;
      }
    });
    upstream.on("data", (bytes) => {
      if (isCut) client.destroy();
      else client.write(bytes);
    });
    endTogether(client, upstream, open);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cutAll = (): void => open.forEach((socket) => socket.destroy());
  return {
    url: url.href,
    cutAfter(text) {
      cutAt = text;
    },
    away() {
      isAway = true;
      cutAll();
    },
    mend() {
      isAway = false;
    },
    get connections() {
      return connections;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      cutAll();
      await closed;
    },
  };
}
