import { request } from "node:http";
import type { HttpServer } from "../../trace-store/serve/http.ts";

/** What a door answered. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Empty where the answer is no JSON. */
  readonly body: Record<string, unknown>;
}

/** Asks a door. */
export async function get(
  http: HttpServer,
  path: string,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  const response = await fetch(`${http.url}${path}`, { headers });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: (isJson ? JSON.parse(text) : {}) as Record<string, unknown>,
  };
}

/** Asks with headers as they are, where fetch() would tidy them, and returns the status. */
export function getRaw(
  http: HttpServer,
  path: string,
  headers: Record<string, string> = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port: http.port, path, headers }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    asked.on("error", reject).end();
  });
}

/** Asks a door that is open for as long as that takes. */
export async function withDoor<T>(
  opening: Promise<HttpServer>,
  ask: (http: HttpServer) => Promise<T>,
): Promise<T> {
  const http = await opening;
  try {
    return await ask(http);
  } finally {
    await http.close();
  }
}
