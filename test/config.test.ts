import { isLoopback, readConfig } from "../trace-store/config.ts";
import { TrailError } from "../trace-store/errors.ts";

const faultsOf = (values: Record<string, string>): string => {
  try {
    readConfig(values);
  } catch (error) {
    if (error instanceof TrailError) return error.message;
    throw error;
  }
  return "";
};

test("without a setting there is a configuration, bound to this machine", () => {
  const config = readConfig({});

  expect(config.http).toEqual({ host: "127.0.0.1", port: 8712 });
  expect(config.spanTopic).toBe("otlp_spans");
  expect(config.kafka).toBeUndefined();
  expect(Object.isFrozen(config)).toBe(true);
});

test("stores that read different span topics of one Kafka are no group of one another", () => {
  const groupOf = (env: Record<string, string>) => readConfig(env).indexerGroup;

  expect(groupOf({})).toBe("kafka-trail-indexer");
  expect(groupOf({ KAFKA_TRAIL_SPAN_TOPIC: "spans_eu" })).toBe("kafka-trail-indexer-spans_eu");
  expect(groupOf({ KAFKA_TRAIL_SPAN_TOPIC: "spans_eu", KAFKA_TRAIL_INDEXER_GROUP: "mine" })).toBe("mine");
});

test("every fault is named at once, with what was expected", () => {
  const faults = faultsOf({
    KAFKA_BROKERS: "kafka",
    KAFKA_SASL_USERNAME: "u",
    KAFKA_TRAIL_HTTP_PORT: "http",
    KAFKA_TRAIL_LOG_LEVEL: "loud",
  });

  expect(faults).toContain("has 4 faults");
  expect(faults).toContain('KAFKA_BROKERS holds "kafka"; expected host:port');
  expect(faults).toContain("KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD go together");
  expect(faults).toContain('KAFKA_TRAIL_HTTP_PORT is "http"; expected a whole number from 0 to 65535');
  expect(faults).toContain('KAFKA_TRAIL_LOG_LEVEL is "loud"; expected one of trace, debug');
});

test("a door that does not exist is not opened by a slip of the pen", () => {
  expect(faultsOf({ KAFKA_TRAIL_INSECURE_NO_AUTH: "http,otlp" })).toContain(
    'KAFKA_TRAIL_INSECURE_NO_AUTH holds "otlp"; expected some of http, otlp_grpc, otlp_http',
  );
});

test("a misspelled setting is refused, with the one that was meant", () => {
  expect(faultsOf({ KAFKA_TRAIL_RETENTION_DAY: "3" })).toContain("Did you mean KAFKA_TRAIL_RETENTION_DAYS?");
});

test("settings that do not fit together are refused, with both of them named", () => {
  const faults = faultsOf({ KAFKA_TRAIL_RETENTION_DAYS: "365", KAFKA_TRAIL_SLICE_MINUTES: "5" });

  expect(faults).toContain(
    "KAFKA_TRAIL_RETENTION_DAYS (365) over KAFKA_TRAIL_SLICE_MINUTES (5) makes 105120 slices",
  );
});

test("a token is kept as its hash, and a bad entry is not repeated in the fault", () => {
  const [token] = readConfig({ KAFKA_TRAIL_TOKENS: "0123456789abcdef:read+ingest" }).tokens;

  expect(token?.scopes).toEqual(new Set(["read", "ingest"]));
  expect(token?.sha256).toHaveLength(32);
  expect(faultsOf({ KAFKA_TRAIL_TOKENS: "short-secret:read" })).not.toContain("short-secret");
});

test("only addresses of this machine count as loopback", () => {
  expect(["127.0.0.1", "127.1.2.3", "::1", "localhost"].map(isLoopback)).toEqual([true, true, true, true]);
  expect(["0.0.0.0", "10.0.0.1", "127.0.0.1.example.org", ""].map(isLoopback)).toEqual([
    false,
    false,
    false,
    false,
  ]);
});
