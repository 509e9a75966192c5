import { InvalidArgumentError } from "commander";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `500ms`, `60s`, `5m`, `2h`, `1d` as milliseconds, for an option of the program. */
export function parseDurationMs(spelled: string): number {
  const [, number = "", unit = ""] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(spelled) ?? [];
  const unitMs = UNIT_MS[unit];
  if (unitMs === undefined) {
    throw new InvalidArgumentError("Expected a whole number with ms, s, m, h or d, such as 60s.");
  }
  return Number(number) * unitMs;
}
