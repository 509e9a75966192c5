export { instrumentKafka } from "./instrument-kafka.ts";
export { traceConsumer, traceProducer } from "./trace-clients.ts";
export { traceKafka } from "./trace-kafka.ts";
