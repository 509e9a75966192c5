import { once } from "node:events";
import { createServer } from "node:net";

// Below the range that Linux (32768) and macOS (49152) take for outgoing connections: nobody is given one of these by chance.
const FIRST = 20_000;
const COUNT = 10_000;

/** Picks ports of 127.0.0.1 that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 100 * count) {
      throw new Error(`Fewer than ${count} free ports were found from ${FIRST} to ${FIRST + COUNT - 1}.`);
    }
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
