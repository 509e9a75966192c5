import { pino, type Logger } from "pino";

export type Log = Logger;

/** Values under these names never reach a log line. */
const SECRETS = ["*.password", "*.token", "*.authorization", "*.databaseUrl", "*.DATABASE_URL"];

/** Makes the store's log: one JSON object a line on stderr, so that stdout stays data. */
export function createLog(level: string): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: SECRETS,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
