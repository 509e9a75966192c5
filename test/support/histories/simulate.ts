import * as fc from "fast-check";
import type { Attempt, GroupEvidence, History, Life } from "./history.ts";

const GROUPS = ["billing", "email", "legacy"] as const;
const group = fc.constantFrom(...GROUPS);
/** Whether a span reached the store. */
const isKept = fc.constantFrom(true, true, true, false);

/** One thing that happens; numbers are taken modulo what there is. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("produce" as const),
      hidden: fc.constantFrom("no", "no", "no", "no", "no", "no", "aborted", "void"),
      isKept,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("attempt" as const),
      group,
      at: fc.nat(7),
      outcome: fc.constantFrom<Attempt["outcome"][]>("ok", "ok", "failed", "in_progress"),
      isBatch: fc.boolean(),
      isSkewed: fc.boolean(),
      isKept,
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("commit" as const), group, to: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("rewind" as const), group, to: fc.nat(8) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("copy" as const),
      group,
      at: fc.nat(7),
      to: fc.constantFrom("dead letter" as const, "retry" as const, "plain" as const),
      how: fc.constantFrom("origin" as const, "below" as const, "link" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("retain" as const), from: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("jump" as const), group, over: fc.nat(7) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("hold" as const), group, at: fc.nat(7) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), group }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remake" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(1_000, 20_000, 70_000, 130_000),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer It> ? It : never;

/** Histories of one partition: produces, attempts, commits, rewinds, copies, retention, jumps, lives, lost spans. */
export const histories: fc.Arbitrary<History> = fc
  .record({
    steps: fc.array(step, { minLength: 8, maxLength: 40, size: "max" }),
    askedAfterMs: fc.constantFrom(0, 10_000, 61_000, 200_000),
    isBrokerSeen: fc.constantFrom(true, true, true, false),
  })
  .map(({ steps, askedAfterMs, isBrokerSeen }) => simulate(steps, askedAfterMs, isBrokerSeen));

/** Lets the steps happen, and keeps what a store and its watcher would know of them. */
function simulate(steps: readonly Step[], askedAfterMs: number, isBrokerSeen: boolean): History {
  const lives: Life[] = [newLife(0)];
  let nowMs = 1_000;
  for (const it of steps) {
    nowMs += 100;
    const life = lives.at(-1) as Life;
    if (it.do === "pass") nowMs += it.ms;
    else if (it.do === "remake") {
      if (life.logEnd > 0) lives.push(newLife(nowMs));
    } else happen(life, it, nowMs);
  }
  return { lives, asOfMs: nowMs + askedAfterMs + 100, isBrokerSeen };
}

const newLife = (bornAtMs: number): Life => ({
  bornAtMs,
  logStart: 0,
  logStarts: [],
  logEnd: 0,
  sends: [],
  aborted: new Set(),
  voids: new Set(),
  groups: new Map(),
});

function happen(life: Life, it: Exclude<Step, { do: "pass" | "remake" }>, nowMs: number): void {
  if (it.do === "produce") {
    const offset = life.logEnd++;
    if (it.hidden === "aborted") life.aborted.add(offset);
    if (it.hidden === "void") life.voids.add(offset);
    if (it.isKept && it.hidden !== "void") life.sends.push({ offset, startMs: nowMs, endMs: nowMs + 5 });
    return;
  }
  if (it.do === "retain") {
    const logStart = it.from % (life.logEnd + 1);
    if (logStart > life.logStart) {
      life.logStart = logStart;
      life.logStarts.push({ atMs: nowMs, logStart });
      for (const one of life.groups.values()) expire(one, logStart);
    }
    return;
  }
  const evidence = life.groups.get(it.group) ?? newGroup(it.group);
  life.groups.set(it.group, evidence);
  if (life.logEnd > 0) doAsGroup(life, evidence, it, nowMs);
  expire(evidence, life.logStart);
}

const newGroup = (name: string): GroupEvidence => ({
  name,
  commits: [],
  firstPosition: null,
  expired: [],
  isGone: false,
  attempts: [],
  copies: [],
  skipped: new Set(),
  held: new Set(),
});

type GroupStep = Extract<Step, { group: string }>;

function doAsGroup(life: Life, evidence: GroupEvidence, it: GroupStep, nowMs: number): void {
  const highest = Math.max(0, ...evidence.commits.map(({ committed }) => committed));
  switch (it.do) {
    case "attempt":
      if (!it.isKept) return;
      // A clock that is behind: the attempt seems to begin before the send.
      evidence.attempts.push({
        offset: it.at % life.logEnd,
        startMs: it.isSkewed ? nowMs - 50 : nowMs + 10,
        endMs: nowMs + 60,
        outcome: it.outcome,
        isBatch: it.isBatch,
      });
      return;
    case "commit":
      commit(evidence, Math.max(highest, it.to % (life.logEnd + 1)), nowMs);
      return;
    case "rewind":
      if (evidence.commits.length > 0) commit(evidence, it.to % (highest + 1), nowMs);
      return;
    case "copy": {
      const offset = it.at % life.logEnd;
      const attempt = evidence.attempts.findIndex((one) => one.offset === offset && !one.isBatch);
      if (it.how === "origin" || attempt >= 0)
        evidence.copies.push({ offset, to: it.to, how: it.how, attempt });
      return;
    }
    case "jump":
      evidence.skipped.add(it.over % life.logEnd);
      return;
    case "hold":
      evidence.held.add(it.at % life.logEnd);
      return;
    case "leave":
      evidence.isGone = evidence.commits.length > 0;
  }
}

function commit(evidence: GroupEvidence, committed: number, atMs: number): void {
  evidence.isGone = false;
  if (evidence.commits.at(-1)?.committed === committed) return;
  evidence.commits.push({ atMs, committed });
  evidence.firstPosition ??= committed > 2 ? committed - 2 : committed;
}

/** What the watcher does after each look: what lies before the log and beyond all commits was taken from the group. */
function expire(evidence: GroupEvidence, logStart: number): void {
  const highest = Math.max(...evidence.commits.map(({ committed }) => committed));
  if (evidence.commits.length > 0 && !evidence.isGone && highest < logStart) {
    evidence.expired.push({ from: highest, to: logStart });
  }
}
