export { instrumentKafka, traceConsumer, traceKafka, traceProducer } from "./client/index.ts";
export {
  currentMessage,
  forwardHeaders,
  logFields,
  traceMessage,
  type ForwardedHeaders,
  type ForwardReason,
  type LogFields,
  type MessageRef,
} from "./consumer/index.ts";
export { UnacknowledgedError } from "./producer/index.ts";
export type { MessageView, TraceOptions } from "./trace-context/index.ts";
