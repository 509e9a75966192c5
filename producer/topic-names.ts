import type { Attributes } from "@opentelemetry/api";
import { metricAttributes, OPERATION_NAME, OPERATION_TYPE, type Tracing } from "../trace-context/index.ts";

/** More topics than this are not remembered: an app that makes them without end must not fill the memory. */
const TOPICS_MAX = 10_000;

type Operation = "create" | "send" | "settle";

/** What spans and metrics of one topic have in common, built once. */
export interface TopicNames {
  readonly isExcluded: boolean;
  readonly sendName: string;
  readonly createName: string;
  readonly sendAttributes: Attributes;
  readonly createAttributes: Attributes;
  readonly metricAttributes: Attributes;
}

/** Returns the attributes that say what is done, by whom, and to which topic where it is one. */
export function operationAttributes(
  tracing: Tracing,
  operation: { readonly name: string; readonly type: Operation },
  topic: string | undefined,
): Attributes {
  const attributes: Attributes = {};
  for (const names of tracing.names) {
    attributes[names.system] = "kafka";
    attributes[names.operationName] = operation.name;
    attributes[names.operationType] = OPERATION_TYPE[operation.type];
    if (topic !== undefined) attributes[names.destinationName] = topic;
    if (tracing.clientId !== undefined) attributes[names.clientId] = tracing.clientId;
    if (tracing.options.cluster !== "") attributes[names.clusterId] = tracing.options.cluster;
  }
  return attributes;
}

/** The topics that a producer has sent to. */
export class Topics {
  readonly #tracing: Tracing;
  readonly #known = new Map<string, TopicNames>();
  #clientId: string | undefined;

  constructor(tracing: Tracing) {
    this.#tracing = tracing;
    this.#clientId = tracing.clientId;
  }

  names(topic: string): TopicNames {
    // The client's id may become known only after the first network request.
    if (this.#tracing.clientId !== this.#clientId || this.#known.size >= TOPICS_MAX) {
      this.#clientId = this.#tracing.clientId;
      this.#known.clear();
    }
    let names = this.#known.get(topic);
    if (names === undefined) this.#known.set(topic, (names = this.#describe(topic)));
    return names;
  }

  #describe(topic: string): TopicNames {
    const tracing = this.#tracing;
    const { create, send } = OPERATION_NAME;
    return {
      isExcluded: tracing.excludes(topic),
      sendName: `${send} ${topic}`,
      createName: `${create} ${topic}`,
      sendAttributes: operationAttributes(tracing, { name: send, type: "send" }, topic),
      createAttributes: operationAttributes(tracing, { name: create, type: "create" }, topic),
      metricAttributes: metricAttributes(tracing, send, topic),
    };
  }
}
