import type { Config } from "../../config.ts";
import { TRAIL_CODES, TrailError, type TrailCode } from "../../errors.ts";
import type { HealthCheck } from "../health.ts";

/** Asks a kafka-trail server by HTTP. */
export interface Client {
  /**
   * Asks one question; parameters that are `undefined` are left out.
   *
   * Throws what the server says as the same `TrailError` that the server threw, and `TRAIL_UNREACHABLE` when none answers.
   */
  get<T>(path: string, parameters?: Readonly<Record<string, string | undefined>>): Promise<T>;
  /** Asks how the server is; that it is not ready is an answer. */
  health(): Promise<readonly ToldCheck[]>;
}

/** A check as the server tells it: without its words to a caller who may not read. */
export type ToldCheck = Omit<HealthCheck, "says"> & Partial<HealthCheck>;

const TIMEOUT_MS = 30_000;

/** Makes the client of `KAFKA_TRAIL_URL`. */
export function createClient({ url, token }: Pick<Config, "url" | "token">): Client {
  const headers = { accept: "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const ask = async (path: string, parameters: Readonly<Record<string, string | undefined>> = {}) => {
    const address = addressOf(url, path, parameters);
    const response = await fetch(address, {
      headers,
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((cause: unknown) => {
      throw unreachable(url, cause);
    });
    return { response, body: await jsonOf(response, url) };
  };
  return {
    async get<T>(path: string, parameters?: Readonly<Record<string, string | undefined>>): Promise<T> {
      const { response, body } = await ask(path, parameters);
      if (response.ok) return body as T;
      throw faultOf(response, body, url);
    },
    async health() {
      const { response, body } = await ask("/readyz");
      const { checks } = body as { checks?: readonly ToldCheck[] };
      if (checks === undefined) throw faultOf(response, body, url);
      return checks;
    },
  };
}

function addressOf(url: string, path: string, parameters: Readonly<Record<string, string | undefined>>): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol)) {
    throw new TrailError(
      "TRAIL_CONFIG",
      `--url or KAFKA_TRAIL_URL is "${url}"; expected the address of a kafka-trail server, such as http://127.0.0.1:8712.`,
    );
  }
  const address = new URL(base.pathname.replace(/\/$/, "") + path, base);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) address.searchParams.set(name, value);
  }
  return address;
}

async function jsonOf(response: Response, url: string): Promise<unknown> {
  const type = response.headers.get("content-type") ?? "";
  const text = await response.text().catch((cause: unknown) => {
    throw unreachable(url, cause);
  });
  if (/^application\/(problem\+)?json\b/.test(type)) {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw notOurs(url, response.status, "JSON that cannot be parsed", cause);
    }
  }
  throw notOurs(url, response.status, type || "no content type");
}

function notOurs(url: string, status: number, what: string, cause?: unknown): TrailError {
  return new TrailError(
    "TRAIL_UNREACHABLE",
    `Something answers at ${url}, but it is not kafka-trail: status ${status}, ${what}. Set KAFKA_TRAIL_URL to where kafka-trail runs.`,
    { cause },
  );
}

function unreachable(url: string, cause: unknown): TrailError {
  return new TrailError(
    "TRAIL_UNREACHABLE",
    `No kafka-trail answers at ${url} (${reasonOf(cause)}). Start one with \`kafka-trail up\`, or set KAFKA_TRAIL_URL to where it runs.`,
    { cause },
  );
}

/** fetch() says "fetch failed" and hides the reason one or two causes down. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.name === "TimeoutError") return `no answer within ${TIMEOUT_MS / 1_000} s`;
  if (cause.cause !== undefined) return reasonOf(cause.cause);
  const code = "code" in cause ? String(cause.code) : "";
  if (cause instanceof AggregateError && cause.errors.length > 0) return reasonOf(cause.errors[0]);
  return cause.message || code;
}

function faultOf(response: Response, body: unknown, url: string): TrailError {
  const problem = body !== null && typeof body === "object" ? (body as Record<string, unknown>) : {};
  const detail =
    typeof problem["detail"] === "string" ? problem["detail"] : `The server answered ${response.status}.`;
  const code = TRAIL_CODES.find((it) => it === problem["code"]) ?? codeOfStatus(response.status);
  if (code === undefined)
    return new TrailError("TRAIL_QUERY", `${url} answered ${response.status}: ${detail}`);
  const more = code === "TRAIL_AUTH" ? " This program takes its token from KAFKA_TRAIL_TOKEN." : "";
  return new TrailError(code, detail + more);
}

function codeOfStatus(status: number): TrailCode | undefined {
  if (status === 401 || status === 403) return "TRAIL_AUTH";
  if (status === 429) return "TRAIL_BUSY";
  return undefined;
}
