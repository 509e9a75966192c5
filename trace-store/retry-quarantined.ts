import type { Client } from "pg";
import type { Config } from "./config.ts";
import { TrailError } from "./errors.ts";
import { decodeAgain } from "./ingest/decode-again.ts";
import { retryQuarantine, type Retried, type RetryTarget } from "./write/retry-quarantine.ts";
import { createWriter } from "./write/writer.ts";

const DAY_MS = 86_400_000;

/** Puts decoding and writing together for entries of quarantine. Throws when Postgres takes no writes: nothing waits for it here. */
export async function retryAll(
  client: Client,
  config: Pick<Config, "retentionDays"> & { databaseUrl: string },
  target: RetryTarget,
): Promise<Retried[]> {
  let refuse: (why: Error) => void = () => undefined;
  const refused = new Promise<never>((_, reject) => (refuse = reject));
  const writer = createWriter({
    databaseUrl: config.databaseUrl,
    retentionMs: config.retentionDays * DAY_MS,
    connections: 1,
    onProblem: (sentence) => {
      if (sentence !== undefined) refuse(new TrailError("TRAIL_DATABASE", sentence));
    },
  });
  try {
    return await Promise.race([gather(retryQuarantine(client, writer, target, decodeAgain)), refused]);
  } finally {
    await writer.close(0);
  }
}

async function gather<T>(each: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const it of each) all.push(it);
  return all;
}
