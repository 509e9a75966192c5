import { createHash, timingSafeEqual } from "node:crypto";
import { isLoopback, type Config, type Scope } from "./config.ts";
import { TrailError } from "./errors.ts";

/** Doors by their names in `KAFKA_TRAIL_INSECURE_NO_AUTH`. */
export type DoorName = "http" | "otlp_grpc" | "otlp_http";

/** Who is let in, and why somebody is not. */
export type Admission =
  | { readonly isAdmitted: true; readonly caller: string }
  | { readonly isAdmitted: false; readonly status: 401 | 403; readonly detail: string };

/** Refuses to open a door beyond this machine without a token. Throws `TRAIL_CONFIG`. */
export function assertDoorIsGuarded(
  door: DoorName,
  host: string,
  config: Pick<Config, "tokens" | "insecureDoors">,
): void {
  if (isLoopback(host) || config.tokens.length > 0 || config.insecureDoors.has(door)) return;
  throw new TrailError(
    "TRAIL_CONFIG",
    `KAFKA_TRAIL_${door.toUpperCase()}_HOST is ${host}, which others can reach, and no token is set; everybody there could use this door. Set KAFKA_TRAIL_TOKENS (token:scope), or bind 127.0.0.1, or, on a private network, name the door: KAFKA_TRAIL_INSECURE_NO_AUTH=${door}.`,
  );
}

/** Makes the check of a bearer token for one scope. Without tokens every caller is admitted, told apart by address. */
export function createAdmission(door: DoorName, config: Pick<Config, "tokens" | "insecureDoors">) {
  const isOpen = config.tokens.length === 0 || config.insecureDoors.has(door);
  return (scope: Scope, authorization: string | undefined, address: string): Admission => {
    if (isOpen) return { isAdmitted: true, caller: address };
    const token = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) {
      return {
        isAdmitted: false,
        status: 401,
        detail: "This door asks for a token; send it as `Authorization: Bearer <token>`.",
      };
    }
    const sha256 = createHash("sha256").update(token).digest();
    // Every token is compared, so that the time taken says nothing about which one was near.
    const known = config.tokens.filter((it) => timingSafeEqual(it.sha256, sha256));
    if (known.length === 0) {
      return {
        isAdmitted: false,
        status: 401,
        detail: "This token is not known here. Compare it with the server's KAFKA_TRAIL_TOKENS.",
      };
    }
    if (!known.some((it) => it.scopes.has(scope) || it.scopes.has("admin"))) {
      return {
        isAdmitted: false,
        status: 403,
        detail: `This token lacks the scope "${scope}". Add it in the server's KAFKA_TRAIL_TOKENS.`,
      };
    }
    return { isAdmitted: true, caller: sha256.toString("hex", 0, 8) };
  };
}
