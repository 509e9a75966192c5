import type { TrailAnswer } from "../../../query/answers.ts";
import type { Page } from "../page.ts";
import { counted } from "../text.ts";
import { spellDuration, spellMoment } from "../times.ts";
import { writeHops } from "./hops.ts";

/** Writes a whole trail: one line that sums it up, then hop by hop. */
export function writeTrail({ traceId, traceIds, hops, messages }: TrailAnswer, page: Page): string {
  const services = new Set(hops.map((it) => it.service)).size;
  const starts = hops.map((it) => BigInt(it.startUnixNano));
  const ends = hops.map((it) => BigInt(it.startUnixNano) + BigInt(it.durationNs));
  const summary = [
    counted(messages.length, "message"),
    counted(hops.length, "hop"),
    counted(services, "service"),
    spellDuration(latest(ends) - earliest(starts)),
    spellMoment(earliest(starts)),
  ];
  const others = traceIds.filter((it) => it !== traceId);
  return [
    `${page.paint("strong", `trail ${traceId}`)}`,
    summary.join(", "),
    ...(others.length > 0 ? [`goes on in ${others.join(", ")}`] : []),
    "",
    writeHops(hops, page),
  ].join("\n");
}

const earliest = (moments: readonly bigint[]): bigint =>
  moments.reduce((a, b) => (a < b ? a : b), moments[0] ?? 0n);
const latest = (moments: readonly bigint[]): bigint =>
  moments.reduce((a, b) => (a > b ? a : b), moments[0] ?? 0n);
