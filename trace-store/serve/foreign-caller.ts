import { isLoopback } from "../config.ts";

/**
 * Says what is wrong with a request's Host and Origin; `undefined` when nothing is.
 *
 * A page of another site can make a browser send requests here, by rebinding its DNS name to this machine (then Host is
 * foreign) or straight across (then Origin is).
 */
export function foreignCaller(
  boundHost: string,
  headers: { readonly host?: string | undefined; readonly origin?: string | undefined },
): string | undefined {
  const host = headers.host ?? "";
  if (isLoopback(boundHost) && !isLoopback(hostname(host))) {
    return `The Host header is "${host}"; this door is open to this machine only and answers to 127.0.0.1 and localhost.`;
  }
  const { origin } = headers;
  if (origin !== undefined && origin.replace(/^https?:\/\//, "") !== host) {
    return `The Origin header is "${origin}"; pages of other sites may not ask here.`;
  }
  return undefined;
}

function hostname(host: string): string {
  return host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}
