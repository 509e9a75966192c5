import type { Client } from "pg";
import type { Config } from "./config.ts";
import { databaseUrlOf } from "./database-url.ts";
import type { Log } from "./log.ts";
import { withClient } from "./postgres-client.ts";
import { tellingPostgresFaults } from "./postgres-fault.ts";
import { migrate } from "./schema/migrate.ts";
import type { Operations } from "./serve/cli/operations.ts";

/** What the command line does to the store itself. Each connects for itself, and ends when it is done. */
export function createOperations(config: Config, version: string, createLog: () => Log): Operations {
  const asClient = <T>(work: (client: Client) => Promise<T>): Promise<T> =>
    tellingPostgresFaults(() => withClient(databaseUrlOf(config), "kafka-trail", work));
  return {
    async up({ only }) {
      // Loaded when it runs: a question must not wait half a second for servers and clients it does not use.
      const { up } = await import("./up.ts");
      return tellingPostgresFaults(() => up(config, only, version, createLog()));
    },
    migrate: ({ citus }) => tellingPostgresFaults(() => migrate(databaseUrlOf(config), { citus })),
    async purge(target) {
      const { purge } = await import("./write/purge.ts");
      return asClient((client) => purge(client, target, config.keyHmacSecret));
    },
    async quarantined({ hash }) {
      const { readQuarantine } = await import("./write/read-quarantine.ts");
      return asClient((client) => readQuarantine(client, hash));
    },
    async retryQuarantined(target) {
      const { retryAll } = await import("./retry-quarantined.ts");
      return asClient((client) =>
        retryAll(client, { ...config, databaseUrl: databaseUrlOf(config) }, target),
      );
    },
  };
}
