/**
 * What a failed write calls for.
 * - `transient`: the same write will go through later: retry for ever.
 * - `duplicate`: a key is there already: write again by way of a temporary table.
 * - `no slice`: the slices are not those we remember: look again.
 * - `row`: Postgres refuses a row's content: find it by bisection, quarantine it.
 * - `operator`: credentials, configuration, schema: hold the offset, say so loudly, look again now and then. Never a bad row:
 *   a store that took 401 for "rejected" lost its users' data (vectordotdev/vector#24543).
 * - `bug`: our own code failed, and would again: whoever handed the batch over is told, and hands it over again later.
 * - `unknown`: transient for a while, then as `operator`.
 */
export type FaultClass = "transient" | "duplicate" | "no slice" | "row" | "operator" | "bug" | "unknown";

/** By SQLSTATE or its class of two characters; the longer one decides. */
const CLASSES: Readonly<Record<string, FaultClass>> = {
  "08": "transient",
  "08P01": "operator",
  "53": "transient",
  "57": "transient",
  "58": "transient",
  "40": "transient",
  "55": "transient",
  "25": "transient", // 25006: a primary that became a standby; 25P0x: our own transaction broke off.
  "22": "row",
  "21": "row",
  "54": "row",
  "23502": "row",
  "23505": "duplicate",
  "23514": "row",
  "28": "operator",
  "3D": "operator",
  "3F": "operator",
  "42": "operator",
  "0A": "operator",
  XX: "transient",
};

const NETWORK = /^(ECONN|ETIMEDOUT|EPIPE|EHOST|ENET|ENOTFOUND|EAI_)/;
/** Messages of `pg` itself, which have no code. */
const LOST =
  /connection (terminated|error|timeout)|timeout expired|timeout exceeded|not queryable|stream (destroyed|closed)|premature close/i;

interface PostgresFault {
  readonly code?: string;
  readonly message?: string;
  readonly routine?: string;
}

/** The SQLSTATE or system error code of a fault; empty when it has none. */
export function sqlStateOf(fault: unknown): string {
  return (fault as PostgresFault | undefined)?.code ?? "";
}

/** Says what a failed write calls for. */
export function classifyFault(fault: unknown): FaultClass {
  const { code = "", message = "", routine } = (fault ?? {}) as PostgresFault;
  if (code === "23514" && (routine === "ExecFindPartition" || message.startsWith("no partition")))
    return "no slice";
  // Ours: a number that does not fit its column is found before Postgres sees it.
  if (fault instanceof RangeError) return "row";
  if (fault instanceof TypeError || fault instanceof ReferenceError || fault instanceof SyntaxError)
    return "bug";
  const found = CLASSES[code] ?? (/^[0-9A-Z]{5}$/.test(code) ? CLASSES[code.slice(0, 2)] : undefined);
  if (found) return found;
  return NETWORK.test(code) || LOST.test(message) ? "transient" : "unknown";
}

/** True when Postgres refused the content of a row. */
export function isRowPoison(fault: unknown): boolean {
  return classifyFault(fault) === "row";
}
