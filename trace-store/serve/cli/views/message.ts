import type { MessageAnswer, RelatedMessage } from "../../../query/answers.ts";
import type { Page } from "../page.ts";
import { counted, printable } from "../text.ts";
import { spellDuration, spellMoment, unixNanoOf } from "../times.ts";
import { placeOf, writeHops } from "./hops.ts";
import { writeVerdicts } from "./verdicts.ts";

/** Writes what happened to one message: what it is, every group's verdict, then hop by hop. */
export function writeMessage(answer: MessageAnswer, page: Page): string {
  const { message, groups, hops } = answer;
  const key = message.messageKey === null ? "" : `  key ${printable(message.messageKey)}`;
  const parts = [
    `${page.paint("strong", `message ${placeOf(message)}`)}${key}`,
    ...originOf(answer, page),
    "",
    groups.length > 0 ? writeVerdicts(groups, page) : "No consumer group is known to read this topic.\n",
    ...(hops.length > 0 ? [writeHops(hops, page)] : ["No span of this message is stored.\n"]),
    ...relatedLines("caused by", answer.causes),
    ...relatedLines("led to", answer.effects),
  ];
  return `${parts.join("\n").trimEnd()}\n`;
}

function originOf({ message }: MessageAnswer, page: Page): string[] {
  const { sentAt, appendedAt, service, traceId, verdict, why } = message;
  const lines: string[] = [];
  if (sentAt !== null) {
    const appended = appendedAt === null ? "" : `, appended after ${between(sentAt, appendedAt)}`;
    const by = service === null ? "" : ` by ${printable(service)}`;
    lines.push(`sent ${spellMoment(unixNanoOf(sentAt))}${by}${appended}`);
  }
  if (traceId !== null) lines.push(`trace ${traceId}`);
  // An appended message is the usual case, and says so by its groups.
  if (verdict !== "APPENDED") lines.push(`${page.paint("bad", verdict)}: ${printable(why)}`);
  return lines;
}

function between(from: string, to: string): string {
  const ns = unixNanoOf(to) - unixNanoOf(from);
  return spellDuration(ns < 0n ? 0n : ns);
}

const RELATED_SHOWN_MAX = 10;

function relatedLines(title: string, related: readonly RelatedMessage[]): string[] {
  const shown = related
    .slice(0, RELATED_SHOWN_MAX)
    .map((it) => `${title} ${printable(placeOf(it) || it.msgId)} by ${printable(it.service)}`);
  const more = related.length - shown.length;
  return more > 0 ? [...shown, `${title} ${counted(more, "more message")}`] : shown;
}
