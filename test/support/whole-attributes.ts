import type { SpanRow } from "../../trace-store/span/span-row.ts";

type Json = Record<string, unknown>;
interface Shared {
  readonly attributes?: Json;
  readonly columns?: Readonly<Record<string, string>>;
}

/** All attributes of a row, and its detail, as `trail.spans` gives them back: said a second time, slowly. */
export function wholeOf(row: SpanRow): { attributes: Json; detail: Json | null } {
  const attributes = JSON.parse(row.attributes.toString()) as Json;
  const said = row.detail ?? row.resource.detail;
  if (said === null) return { attributes, detail: null };
  const { attributes: shared, columns, ...detail } = JSON.parse(said.toString()) as Json & Shared;
  const held: Readonly<Record<string, unknown>> = {
    partition: row.partition,
    partition_text: String(row.partition),
    message_offset: Number(row.messageOffset),
    message_offset_text: String(row.messageOffset),
    message_key: row.messageKey,
    message_id: row.messageId,
  };
  const given = Object.entries(columns ?? {}).map(([column, name]) => [name, held[column]] as const);
  return {
    attributes: { ...attributes, ...shared, ...Object.fromEntries(given) },
    detail: row.detail === null && Object.keys(detail).length === 0 ? null : detail,
  };
}
