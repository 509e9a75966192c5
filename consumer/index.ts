export { currentMessage, type MessageRef } from "../trace-context/index.ts";
export type { ConsumerLike, MessageBatch, ReceivedMessage } from "./client-shape.ts";
export type { ConsumerFacts } from "./consumer-trail.ts";
export { forwardHeaders, type ForwardedHeaders, type ForwardReason } from "./forward-headers.ts";
export { interceptConsumer } from "./intercept.ts";
export { logFields, type LogFields } from "./log-fields.ts";
export { traceMessage } from "./trace-message.ts";
