export type { ProducerLike } from "./client-shape.ts";
export { interceptProducer } from "./intercept.ts";
export { recordPartitions, type PartitionRecorder, type Placement } from "./partitioner.ts";
export type { ProducerFacts } from "./producer-trail.ts";
export { UnacknowledgedError } from "./resend.ts";
