import type { Link, SpanContext } from "@opentelemetry/api";
import type { ReceivedMessage } from "./client-shape.ts";

/**
 * Returns the links of a batch's span: one for each creation context, each once, at most `linksMax`.
 *
 * An SDK keeps 128 links and drops the first ones beyond, so the choice is made here: each trace is linked once before
 * any is linked twice, as a link is how a trace leads here. Which messages the batch held is told by its ranges, so the
 * links carry no attributes.
 */
export function linksOf(
  messages: readonly ReceivedMessage[],
  read: (message: ReceivedMessage) => SpanContext | undefined,
  linksMax: number,
): Link[] {
  const firstOfTrace: Link[] = [];
  const further: Link[] = [];
  const traces = new Set<string>();
  const spans = new Set<string>();
  let latestTrace = "";
  for (const message of messages) {
    if (firstOfTrace.length >= linksMax) break;
    const context = read(message);
    if (context === undefined) continue;
    // Messages of one send share a trace and stand side by side.
    const isFirst = context.traceId !== latestTrace && !traces.has(context.traceId);
    latestTrace = context.traceId;
    if (isFirst) traces.add(latestTrace);
    else if (further.length >= linksMax || spans.has(context.spanId)) continue;
    spans.add(context.spanId);
    (isFirst ? firstOfTrace : further).push({ context });
  }
  return firstOfTrace.concat(further).slice(0, linksMax);
}
