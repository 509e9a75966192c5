import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { Kafka } from "kafkajs";
import type { LossClient } from "./loss-client.ts";
import { nameOf } from "./loss-lanes.ts";
import { readLog } from "./read-log.ts";

/** What became of a lane's messages, held against what the app and the spans were told. */
export interface LossVerdict {
  readonly [column: string]: string | number;
  readonly run: string;
  /** Sends that resolved. */
  readonly resolved: number;
  readonly rejected: number;
  /** Resolved sends of which messages are not in the log. */
  readonly sendsThatLost: number;
  readonly lost: number;
  readonly doubled: number;
  /** Resolved sends whose span says that messages were not acknowledged, or may be lost. */
  readonly reported: number;
  /** Sends that lost and were not reported. */
  readonly unreported: number;
  /** Sends that lost nothing, of which the client acknowledged every message, and that were reported. */
  readonly falselyReported: number;
  /**
   * Messages that the client told the app no offset for, and that are in the log: the broker wrote them down, and went
   * before it answered. That they are unacknowledged is right to say, and that they are not lost nobody can know.
   */
  readonly storedUnanswered: number;
  /** Messages that were named one by one as unacknowledged, and are stored and acknowledged; or are lost, and were not named. */
  readonly misnamed: number;
  /** Messages that were sent again; each is named on its span. */
  readonly resent: number;
  /** Messages that were sent again and are not in the log where their span says. */
  readonly resentAstray: number;
}

/** What the spans of one send say. */
interface Report {
  isReported: boolean;
  isSuspect: boolean;
  readonly unacknowledged: Set<string>;
  /** Coordinates by message. */
  readonly resent: Map<string, string>;
}

/** Of each topic, where each value is stored; of aborted ones, nothing. */
export type Stored = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/** Reads the topics of all clients, by two consumers: a group for each took most of a trial's time. */
export async function readStored(kafka: Kafka, clients: readonly LossClient[]): Promise<Stored> {
  const stored = new Map(clients.map(({ topic }) => [topic, new Map<string, string[]>()]));
  const read = (isCommittedOnly: boolean) => {
    const those = clients.filter(({ lane }) => (lane.isTransactional === true) === isCommittedOnly);
    return readLog(
      kafka,
      those.map(({ topic }) => topic),
      ({ topic, partition, message }) => {
        const places = stored.get(topic)!;
        const value = String(message.value);
        places.set(value, [...(places.get(value) ?? []), `${topic}/${partition}/${message.offset}`]);
      },
      { isCommittedOnly },
    );
  };
  await Promise.all([read(false), read(true)]);
  return stored;
}

/** Judges every send of a lane. */
export function judgeLoss(stored: Stored, client: LossClient): LossVerdict {
  const places = stored.get(client.topic)!;
  const reports = reportsOf(client.spans.ended);
  const count = { sendsThatLost: 0, lost: 0, doubled: 0, reported: 0, unreported: 0, falselyReported: 0 };
  let storedUnanswered = 0;
  let misnamed = 0;
  let resent = 0;
  let resentAstray = 0;
  for (const [send, { messages, acknowledged }] of client.resolved) {
    const report = reports.get(send);
    let lostHere = 0;
    let unansweredHere = 0;
    for (let i = 0; i < messages; i++) {
      const value = `${send}:${i}`;
      const found = places.get(value) ?? [];
      if (found.length === 0) lostHere++;
      if (found.length > 1) count.doubled++;
      const isUnanswered = found.length === 1 && !acknowledged.has(Number(found[0]?.split("/")[1]));
      if (isUnanswered) unansweredHere++;
      // After a retry that moved messages nobody can name them, and nobody does.
      const isNamed = report?.unacknowledged.has(value) === true;
      const isToBeNamed = found.length === 0 || isUnanswered;
      if (client.lane.mode === "watching" && report?.isSuspect !== true && isNamed !== isToBeNamed)
        misnamed++;
      const resentTo = report?.resent.get(value);
      if (resentTo === undefined) continue;
      resent++;
      if (!found.includes(resentTo)) resentAstray++;
    }
    count.lost += lostHere;
    storedUnanswered += unansweredHere;
    if (lostHere > 0) count.sendsThatLost++;
    if (report?.isReported === true) count.reported++;
    if (lostHere > 0 && report?.isReported !== true) count.unreported++;
    if (lostHere + unansweredHere === 0 && report?.isReported === true) count.falselyReported++;
  }
  return {
    run: nameOf(client.lane),
    resolved: client.resolved.size,
    rejected: client.rejected,
    ...count,
    storedUnanswered,
    misnamed,
    resent,
    resentAstray,
  };
}

/** What the spans say of each send, by its number; warm-ups are number NaN, and must say nothing. */
function reportsOf(spans: readonly ReadableSpan[]): Map<number, Report> {
  const sendOfTrace = new Map<string, number>();
  const reports = new Map<number, Report>();
  for (const span of spans) {
    const value = span.attributes["messaging.message.id"];
    if (typeof value !== "string") continue;
    const send = Number(value.split(":")[0]);
    sendOfTrace.set(span.spanContext().traceId, send);
    const report = reportIn(reports, send);
    if (span.attributes["kafka_trail.unacknowledged"] === true) report.unacknowledged.add(value);
    if (span.attributes["kafka_trail.resent"] !== undefined) report.resent.set(value, placeOf(span));
  }
  for (const span of spans) {
    const send = sendOfTrace.get(span.spanContext().traceId);
    if (send === undefined || span.attributes["messaging.operation.name"] !== "send") continue;
    const report = reportIn(reports, send);
    if (span.attributes["kafka_trail.suspect"] === true) report.isSuspect = true;
    if (report.isSuspect || span.attributes["kafka_trail.unacknowledged"] !== undefined)
      report.isReported = true;
  }
  return reports;
}

function reportIn(reports: Map<number, Report>, send: number): Report {
  const known = reports.get(send);
  if (known !== undefined) return known;
  const report = {
    isReported: false,
    isSuspect: false,
    unacknowledged: new Set<string>(),
    resent: new Map(),
  };
  reports.set(send, report);
  return report;
}

function placeOf({ attributes }: ReadableSpan): string {
  return [
    attributes["messaging.destination.name"],
    attributes["messaging.destination.partition.id"],
    attributes["messaging.kafka.offset"],
  ].join("/");
}
