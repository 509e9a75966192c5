import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Deed, Word } from "./tally.ts";

const SERVICES = ["checkout", "billing", "inventory", "email", "legacy"] as const;
export type ServiceName = (typeof SERVICES)[number];

/** What the services need to know of the world. */
export interface World {
  readonly brokers: readonly string[];
  /** Where the store takes spans by OTLP/gRPC. */
  readonly otlpEndpoint: string;
}

/** The shop: five processes that buy, bill, pack, write letters, and one that nobody traces. */
export interface Shop {
  /** What every service has done so far, by its own word. */
  readonly deeds: readonly Deed[];
  play(isOnce: boolean): void;
  /** Resolves when every service's spans have left it. */
  flush(): Promise<void>;
  /** Resolves when every service has sent its last spans and ended. */
  close(): Promise<void>;
}

/** Opens the shop; resolves when every service is connected. Rejects when one of them dies. */
export async function openShop(world: World): Promise<Shop> {
  const deeds: Deed[] = [];
  const services = SERVICES.map((name) => startService(name, world));
  for (const service of services) {
    service.on("message", (word: Word) => word.say === "deed" && deeds.push(word.deed));
  }
  await Promise.all(services.map((service) => heard(service, "ready")));
  return {
    deeds,
    play: (isOnce) => services[0]?.send({ say: "play", isOnce } satisfies Word),
    async flush() {
      const flushed = services.map((service) => heard(service, "flushed"));
      for (const service of services) service.send({ say: "flush" } satisfies Word);
      await Promise.all(flushed);
    },
    async close() {
      const ended = services
        .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
        .map((service) => once(service, "exit"));
      for (const service of services) if (service.connected) service.disconnect();
      await Promise.all(ended);
    },
  };
}

function startService(name: ServiceName, world: World): ChildProcess {
  return fork(join(__dirname, "services", `${name}.js`), {
    env: {
      ...process.env,
      KAFKA_BROKERS: world.brokers.join(","),
      OTEL_SERVICE_NAME: name,
      OTEL_EXPORTER_OTLP_ENDPOINT: world.otlpEndpoint,
    },
  });
}

/** Resolves at the service's next `word`; rejects when it ends before. */
function heard(service: ChildProcess, word: Word["say"]): Promise<void> {
  return new Promise((resolve, reject) => {
    const listen = (said: Word) => said.say === word && done(resolve);
    const mourn = (code: number | null) =>
      done(() =>
        reject(
          new Error(
            `${service.spawnargs.at(-1)} ended with exit code ${code}; the demo needs all its services.`,
          ),
        ),
      );
    const done = (settle: () => void) => {
      service.off("message", listen).off("exit", mourn);
      settle();
    };
    service.on("message", listen).on("exit", mourn);
  });
}
