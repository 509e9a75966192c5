import type { TraceOptions } from "./options.ts";
import { warn } from "./warn.ts";

type Check = readonly [expected: string, isUsable: (value: unknown) => boolean];

const isObject = (value: unknown) => typeof value === "object" && value !== null;
const isText = (value: unknown) => typeof value === "string";
const BOOLEAN: Check = ["true or false", (value) => typeof value === "boolean"];
const NUMBER: Check = ["a number, 0 or more", (value) => Number.isFinite(value) && Number(value) >= 0];

const CHECKS: Readonly<Record<keyof TraceOptions, Check>> = {
  tracer: ["a Tracer", isObject],
  meter: ["a Meter", isObject],
  propagator: ["a TextMapPropagator", isObject],
  cluster: ["a string", isText],
  key: ['"utf8", "off" or { hmacSecret }', isKey],
  messageId: ["a function", (value) => typeof value === "function"],
  excludeTopics: ["an array of strings and regular expressions", isTopics],
  baggage: BOOLEAN,
  semconvStabilityOptIn: ["a string", isText],
  createSpansMax: NUMBER,
  resendUnacknowledged: BOOLEAN,
  partitioners: ["kafkajs's Partitioners", isObject],
  maxParentAgeMs: NUMBER,
  linksMax: NUMBER,
  inProgressAfterMs: NUMBER,
  inProgressEveryMs: NUMBER,
  spanPerResolvedMessage: BOOLEAN,
};

/** Belong to `traceProducer` and `traceConsumer` alone, which read them themselves. */
const OF_ONE_CLIENT = new Set(["clientId", "transactionalId", "groupId"]);

/**
 * Returns the options that can be used, for apps that no compiler checks: what is not of its type counts as not given, and
 * is told once. A `key` that cannot be understood is `"off"`: somebody did not want keys recorded as they are.
 */
export function usableOptions(given: TraceOptions | null | undefined): TraceOptions {
  const usable: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given ?? {}) as [string, unknown][]) {
    if (value === undefined || OF_ONE_CLIENT.has(name)) continue;
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof TraceOptions] : undefined;
    if (check === undefined) {
      warn(
        `${name} is not an option of kafka-trail's and does nothing. Known are ${Object.keys(CHECKS).join(", ")}.`,
      );
    } else if (check[1](value)) {
      usable[name] = value;
    } else if (name === "key") {
      usable[name] = "off";
      // Not what was given: it may hold the secret.
      warn(`the option key cannot be used; expected ${check[0]}. No keys are recorded.`);
    } else {
      warn(`the option ${name} is ${spell(value)}; expected ${check[0]}. It counts as not given.`);
    }
  }
  return usable;
}

function isKey(value: unknown): boolean {
  if (value === "utf8" || value === "off") return true;
  const { hmacSecret } = (value ?? {}) as { hmacSecret?: unknown };
  return isText(hmacSecret) && hmacSecret !== "";
}

function isTopics(value: unknown): boolean {
  return Array.isArray(value) && value.every((it) => isText(it) || it instanceof RegExp);
}

function spell(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 100));
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
