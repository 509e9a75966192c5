import type { Attributes, ObservableResult } from "@opentelemetry/api";
import type { Guard, MessagingNames, Tracing } from "../trace-context/index.ts";
import { metricAttributes, OPERATION_NAME, OPERATION_TYPE } from "../trace-context/index.ts";
import { consumerMetrics, type ConsumerMetrics } from "./consumer-metrics.ts";
import { isW3cPropagator } from "./inbound-context.ts";
import { InHand } from "./in-hand.ts";
import { PartitionTrack, type ProcessedMark } from "./partition-track.ts";
import { Session } from "./session.ts";

/** What is known of a consumer from outside: its group, where its configuration was seen. */
export interface ConsumerFacts {
  readonly groupId?: string | undefined;
}

/** Marks by `group topic/partition`, shared by the consumers of one client: a partition may move between two of them. */
const marksOf = new WeakMap<Tracing, Map<string, ProcessedMark>>();

function marksFor(tracing: Tracing): Map<string, ProcessedMark> {
  const known = marksOf.get(tracing);
  if (known !== undefined) return known;
  const marks = new Map<string, ProcessedMark>();
  marksOf.set(tracing, marks);
  return marks;
}

/** Everything that is remembered of one traced consumer. */
export class ConsumerTrail {
  readonly tracing: Tracing;
  readonly guard: Guard;
  readonly metrics: ConsumerMetrics;
  readonly inHand: InHand;
  readonly session: Session;
  /** True while eachBatch runs: its batches say more than the client's events do. */
  isBatchMode = false;
  /** True once a handler has resolved more than one offset of a batch by itself: then it works message by message. */
  resolvesEach = false;
  /** True while headers can be read by hand: the propagator is W3C's own. */
  isW3c = false;

  /** Attributes of metrics that are about no topic. */
  metricAttributes: Attributes = {};

  readonly #tracks = new Map<string, Map<number, PartitionTrack>>();
  readonly #marks: Map<string, ProcessedMark>;
  #latest: PartitionTrack | undefined;
  #consumerGroup: string | undefined;
  #clientId: string | undefined;

  constructor(tracing: Tracing, facts: ConsumerFacts) {
    this.tracing = tracing;
    this.guard = tracing.guard;
    this.metrics = consumerMetrics(tracing);
    this.#marks = marksFor(tracing);
    this.#consumerGroup = facts.groupId;
    this.#clientId = tracing.clientId;
    this.metricAttributes = this.#attributesOfMetrics();
    this.inHand = new InHand(tracing);
    this.session = new Session(this);
  }

  get consumerGroup(): string | undefined {
    return this.#consumerGroup;
  }

  /** Prepares for messages: the propagator may have been registered after this consumer was made. */
  begin(isBatchMode: boolean): void {
    this.isBatchMode = isBatchMode;
    this.isW3c = isW3cPropagator(this.tracing);
  }

  /** Begins to tell the backlog of what is assigned, for as long as it is. */
  beginSession(): void {
    this.session.begin();
    this.metrics.lag.addCallback(this.#observeLag);
  }

  endSession(): void {
    this.session.end();
    this.metrics.lag.removeCallback(this.#observeLag);
  }

  /** Takes in what the client's events tell; spans that follow carry it. */
  learn(facts: { consumerGroup?: string | undefined; clientId?: string | undefined }): void {
    const isNews =
      (facts.consumerGroup !== undefined && facts.consumerGroup !== this.#consumerGroup) ||
      (facts.clientId !== undefined && this.#clientId === undefined);
    this.#consumerGroup = facts.consumerGroup ?? this.#consumerGroup;
    this.#clientId ??= facts.clientId;
    if (!isNews) return;
    this.metricAttributes = this.#attributesOfMetrics();
    for (const track of this.tracks()) this.#describe(track);
  }

  /** Returns what is remembered of a partition, from its first message on. */
  track(topic: string, partition: number): PartitionTrack {
    const latest = this.#latest;
    if (latest !== undefined && latest.partition === partition && latest.topic === topic) return latest;
    let ofTopic = this.#tracks.get(topic);
    if (ofTopic === undefined) this.#tracks.set(topic, (ofTopic = new Map<number, PartitionTrack>()));
    let track = ofTopic.get(partition);
    if (track === undefined) {
      track = new PartitionTrack(
        topic,
        partition,
        this.tracing.excludes(topic),
        this.#mark(topic, partition),
      );
      this.#describe(track);
      ofTopic.set(partition, track);
    }
    this.#latest = track;
    return track;
  }

  /** Every partition that this consumer was handed messages of. */
  *tracks(): Generator<PartitionTrack> {
    for (const ofTopic of this.#tracks.values()) yield* ofTopic.values();
  }

  /** Attributes of a span of this consumer that is about no single partition. */
  attributes(operationName: string): Attributes {
    const attributes: Attributes = {};
    for (const names of this.tracing.names) {
      attributes[names.system] = "kafka";
      attributes[names.operationName] = operationName;
      if (this.#consumerGroup !== undefined) attributes[names.consumerGroup] = this.#consumerGroup;
      this.#addClient(attributes, names);
    }
    return attributes;
  }

  readonly #observeLag = (result: ObservableResult): void => {
    this.guard.try(() => {
      for (const track of this.tracks()) {
        const { lagMessages } = track;
        if (lagMessages === undefined) continue;
        const attributes = { ...track.metricAttributes };
        for (const names of this.tracing.names) attributes[names.partitionId] = String(track.partition);
        result.observe(lagMessages, attributes);
      }
    });
  };

  #mark(topic: string, partition: number): ProcessedMark {
    const key = `${this.#consumerGroup ?? ""} ${topic}/${partition}`;
    let mark = this.#marks.get(key);
    if (mark === undefined) this.#marks.set(key, (mark = { offset: -1, timestampMs: 0 }));
    return mark;
  }

  #describe(track: PartitionTrack): void {
    const sampling: Attributes = {};
    const shared: Attributes = {};
    for (const names of this.tracing.names) {
      sampling[names.system] = "kafka";
      sampling[names.operationName] = OPERATION_NAME.process;
      sampling[names.operationType] = OPERATION_TYPE.process;
      sampling[names.destinationName] = track.topic;
      if (this.#consumerGroup !== undefined) sampling[names.consumerGroup] = this.#consumerGroup;
      shared[names.partitionId] = String(track.partition);
      this.#addClient(shared, names);
    }
    track.samplingAttributes = sampling;
    track.sharedAttributes = shared;
    track.metricAttributes = metricAttributes(
      this.tracing,
      OPERATION_NAME.process,
      track.topic,
      this.#consumerGroup,
    );
  }

  #attributesOfMetrics(): Attributes {
    const attributes: Attributes = {};
    for (const names of this.tracing.names) {
      attributes[names.system] = "kafka";
      if (this.#consumerGroup !== undefined) attributes[names.consumerGroup] = this.#consumerGroup;
      if (this.#clientId !== undefined) attributes[names.clientId] = this.#clientId;
    }
    return attributes;
  }

  #addClient(attributes: Attributes, names: MessagingNames): void {
    if (this.#clientId !== undefined) attributes[names.clientId] = this.#clientId;
    if (this.tracing.options.cluster !== "") attributes[names.clusterId] = this.tracing.options.cluster;
  }
}
