/** Traces an app without a line of its code: `node --import kafka-trail/register app.js`, or `-r`. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { instrumentKafka } from "./client/index.ts";
import { startExportOr } from "./export/start-export.ts";

const CLIENTS = ["kafkajs", "@confluentinc/kafka-javascript"];

function say(problem: string): void {
  process.stderr.write(`kafka-trail/register: ${problem}\n`);
}

/**
 * Loads a Kafka client as the app itself would find it: from the main script's folder, else from the working directory.
 * Loaded now, it is the very module that the app's own import or require gets later. `undefined` where it is not installed.
 */
function loadAsTheApp(name: string): unknown {
  const places = [process.argv[1], join(process.cwd(), "package.json")];
  for (const place of places.filter((it) => it !== undefined)) {
    const appRequire = createRequire(place);
    try {
      appRequire.resolve(name);
    } catch {
      // Not installed there.
      continue;
    }
    return appRequire(name) as unknown;
  }
  return undefined;
}

/** Runs a step; what it throws is one line on stderr, as the app starts as if we were not here. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    say(error instanceof Error ? (error.message.split("\n")[0] ?? error.name) : String(error));
    return undefined;
  }
}

attempt(() => startExportOr(say));
const clients = CLIENTS.map((name) => attempt(() => loadAsTheApp(name))).filter((it) => it !== undefined);
for (const client of clients) attempt(() => instrumentKafka(client));
if (clients.length === 0) {
  const from = process.argv[1] ?? process.cwd();
  say(`neither ${CLIENTS.join(" nor ")} can be found from ${from}, so nothing is traced.`);
}
