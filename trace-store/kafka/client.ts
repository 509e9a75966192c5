import { readFileSync } from "node:fs";
import { Kafka, logLevel, type logCreator, type SASLOptions } from "kafkajs";
import type { KafkaConfig } from "../config.ts";
import { TrailError } from "../errors.ts";
import type { Log } from "../log.ts";
import { installCodecs } from "./codecs.ts";
import { letIdleConnectionsSleep } from "./idle-connections.ts";
import { letStoppedConsumersEnd } from "./stopped-consumer.ts";

/**
 * Connects the store to Kafka: TLS and SASL as configured, kafkajs's words in our log, every codec readable, idle connections
 * asleep, stopped consumers at their end. `retries` is how often kafkajs tries again to reach a broker before it says so: 8 times, in a minute, when not given.
 * Throws `TRAIL_CONFIG` for a file that is no PEM.
 */
export function createKafka(config: KafkaConfig, log: Log, retries = 8): Kafka {
  installCodecs();
  letIdleConnectionsSleep();
  letStoppedConsumersEnd();
  const ca = config.ssl && readPem("KAFKA_SSL_CA_FILE", config.ssl.caFile);
  const cert = config.ssl && readPem("KAFKA_SSL_CERT_FILE", config.ssl.certFile);
  const key = config.ssl && readPem("KAFKA_SSL_KEY_FILE", config.ssl.keyFile);
  return new Kafka({
    clientId: config.clientId,
    brokers: [...config.brokers],
    logLevel: logLevel.INFO,
    logCreator: toLog(log),
    // kafkajs gives up after 5 by default; a store outlives a broker's night.
    retry: { initialRetryTime: 300, maxRetryTime: 10_000, retries },
    ...(config.ssl && { ssl: { ...(ca && { ca: [ca] }), ...(cert && { cert }), ...(key && { key }) } }),
    ...(config.sasl && { sasl: { ...config.sasl } as SASLOptions }),
  });
}

function readPem(variable: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    const pem = readFileSync(file, "utf8");
    if (pem.includes("-----BEGIN ")) return pem;
  } catch (cause) {
    const { message: said } = cause as Error;
    throw new TrailError("TRAIL_CONFIG", `${variable} cannot be read: ${said}. Expected a file in PEM.`, {
      cause,
    });
  }
  throw new TrailError(
    "TRAIL_CONFIG",
    `${variable} is ${file}, which is not in PEM. Convert it with openssl.`,
  );
}

/** kafkajs calls an error what it then retries and cures: its errors are our warnings. */
function toLog(log: Log): logCreator {
  return () =>
    ({ namespace, level, log: { message, error, ...rest } }) => {
      const facts = { kafkajs: namespace, ...(typeof error === "string" && { error }), ...pick(rest) };
      if (level === logLevel.ERROR || level === logLevel.WARN) log.warn(facts, message);
      else log.debug(facts, message);
    };
}

function pick(rest: Record<string, unknown>): Record<string, unknown> {
  const { groupId, broker, topic, partition } = rest;
  return {
    ...(groupId !== undefined && { groupId }),
    ...(broker !== undefined && { broker }),
    ...(topic !== undefined && { topic, partition }),
  };
}
