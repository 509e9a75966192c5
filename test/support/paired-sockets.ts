import type { Socket } from "node:net";

/** Makes two sockets end together, and holds them in `open` until they have. */
export function endTogether(client: Socket, server: Socket, open: Set<Socket>): void {
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    open.add(one);
    // A reset is how a cut, or a server that went away, looks from here.
    one.on("error", () => other.destroy());
    one.on("close", () => {
      open.delete(one);
      other.destroy();
    });
  }
}
