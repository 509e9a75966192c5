import { COPY_TOPICS, type Copy, type GroupEvidence, type History, type Life } from "./history.ts";

/** A verdict as the rules of DESIGN 4.4 have it. */
export interface ModelVerdict {
  readonly group: string;
  readonly verdict: string;
  readonly attempts: number;
  readonly flags: readonly string[];
  /** `rewound`: to where, and when in ms; what is not kept of it is nothing. */
  readonly rewound: { readonly to: number; readonly atMs: number } | null;
  readonly ahead: number | null;
}

const PROGRESS_MS = 120_000;

/** Which life an offset is asked of: the newest that has it, else the newest. */
export function lifeOf(history: History, offset: number): Life {
  for (const life of history.lives.toReversed()) if (life.logEnd > offset) return life;
  return history.lives.at(-1) as Life;
}

export function judgeMessage(history: History, offset: number): string {
  const life = lifeOf(history, offset);
  if (life.aborted.has(offset)) return "ABORTED";
  if (life.voids.has(offset)) return "VOID";
  return offset < life.logEnd ? "APPENDED" : "UNKNOWN";
}

/** Every group's verdict on one message, slowly: one question after the other, in the order of the list. */
export function judgeGroups(history: History, offset: number, settleMs: number): ModelVerdict[] {
  const life = lifeOf(history, offset);
  const known = [...life.groups.values()].filter(
    (group) =>
      group.commits.length > 0 ||
      group.attempts.some((it) => it.offset === offset) ||
      group.copies.some((it) => it.offset === offset && isCopyTold(group, it)),
  );
  return known
    .map((group) => judgeGroup(history, life, group, offset, settleMs))
    .toSorted((a, b) => (a.group < b.group ? -1 : 1));
}

function judgeGroup(
  history: History,
  life: Life,
  group: GroupEvidence,
  offset: number,
  settleMs: number,
): ModelVerdict {
  const attempts = group.attempts.filter((it) => it.offset === offset);
  const ok = attempts.filter((it) => it.outcome === "ok");
  const failed = attempts.filter((it) => it.outcome === "failed");
  const send = life.sends.findLast((it) => it.offset === offset);
  const highest = highestCommit(group);
  const isRewound = highest > offset && committedNow(group) <= offset;
  const verdict = firstThatFits(history, life, group, offset, settleMs);
  const flags = [];
  if (ok.length > 1) flags.push("duplicated");
  if (isRewound) flags.push("rewound");
  const firstStart = Math.min(...attempts.map((it) => it.startMs));
  if (send && firstStart < send.startMs) flags.push("clock_skew");
  if (group.commits.length > 0 && !history.isBrokerSeen) flags.push("incomplete");
  const from = group.commits.length > 0 ? committedNow(group) : life.logStart;
  return {
    group: group.name,
    verdict,
    attempts: ok.length + failed.length,
    flags,
    rewound: isRewound ? rewindBehind(group, offset) : null,
    ahead: verdict === "WAITING" ? Math.max(0, offset - from) : null,
  };
}

/** The list, top to bottom. */
function firstThatFits(
  history: History,
  life: Life,
  group: GroupEvidence,
  offset: number,
  settleMs: number,
): string {
  const attempts = group.attempts.filter((it) => it.offset === offset);
  const copies = group.copies.filter((it) => it.offset === offset && isCopyTold(group, it));
  const isPassed = highestCommit(group) > offset;
  const isBehind = group.commits.length === 0 || committedNow(group) <= offset;
  const isOk = attempts.some((it) => it.outcome === "ok");
  const isFailed = attempts.some((it) => it.outcome === "failed");
  const isHidden = life.aborted.has(offset) || life.voids.has(offset);
  const isExpired = group.expired.some(({ from, to }) => from <= offset && offset < to);
  const isBrokerSeen = history.isBrokerSeen && !group.isGone;
  const isSettled = settledAt(life, group, offset) + settleMs <= history.asOfMs;

  // 1, 2: a copy names where the message went on, also when its handling was ok.
  if (copies.some((it) => it.to === "dead letter")) return "DEAD_LETTERED";
  if (copies.length > 0) return "FORWARDED";
  // 3, 4: one ok attempt is enough, whatever failed before or after.
  if (isOk && isPassed) return "DELIVERED";
  if (isOk) return "PROCESSED";
  // 5
  if (attempts.some((it) => isStillInProgress(group, it, history))) return "PROCESSING";
  // 6, 7
  if (isFailed && isBehind) return "RETRYING";
  if (isFailed) return isSettled ? "FAILED" : "SETTLING";
  // 8
  if (isHidden) return "NOT_VISIBLE";
  // 9
  if (isBeforeGroup(group, offset)) return "BEFORE_GROUP";
  // 10
  if (isExpired) return isSettled ? "EXPIRED" : "SETTLING";
  // 11
  if (group.commits.length > 0 && !isPassed) return isBrokerSeen ? "WAITING" : "UNKNOWN";
  if (group.commits.length === 0) return "UNKNOWN";
  // 12, 13, 14
  if (!isSettled) return "SETTLING";
  if (group.skipped.has(offset)) return "SKIPPED";
  return "PASSED_UNTRACED";
}

const highestCommit = (group: GroupEvidence): number =>
  Math.max(Number.NEGATIVE_INFINITY, ...group.commits.map(({ committed }) => committed));

const committedNow = (group: GroupEvidence): number =>
  group.commits.at(-1)?.committed ?? Number.NEGATIVE_INFINITY;

/** The commit after the last one that was past the message. */
function rewindBehind({ commits }: GroupEvidence, offset: number): ModelVerdict["rewound"] {
  const back = commits[commits.findLastIndex(({ committed }) => committed > offset) + 1];
  return back ? { to: back.committed, atMs: back.atMs } : null;
}

/** When what absence could be read from had happened: the group passed the offset, or the log did. */
function settledAt(life: Life, group: GroupEvidence, offset: number): number {
  const passed = group.commits.find(({ committed }) => committed > offset);
  if (passed) return passed.atMs;
  const isExpired = group.expired.some(({ from, to }) => from <= offset && offset < to);
  const taken = isExpired && life.logStarts.find(({ logStart }) => logStart > offset);
  return taken ? taken.atMs : Number.NEGATIVE_INFINITY;
}

function isBeforeGroup(group: GroupEvidence, offset: number): boolean {
  if (group.firstPosition === null || offset >= group.firstPosition) return false;
  const isHandledBelow = group.attempts.some((it) => it.outcome === "ok" && it.offset <= offset);
  return !isHandledBelow && !group.held.has(offset);
}

function isStillInProgress(
  group: GroupEvidence,
  attempt: GroupEvidence["attempts"][number],
  history: History,
): boolean {
  return attempt.outcome === "in_progress" && attempt.endMs > history.asOfMs - PROGRESS_MS;
}

/** A copy that does not name its origin is told by its topic's name alone; an ordinary topic makes it an effect. */
function isCopyTold(group: GroupEvidence, copy: Copy): boolean {
  if (copy.how === "origin") return true;
  return group.attempts[copy.attempt] !== undefined && COPY_TOPICS[copy.to] !== COPY_TOPICS.plain;
}
