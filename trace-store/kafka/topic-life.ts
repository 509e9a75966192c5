import type { Kafka } from "kafkajs";
import { openCluster, type PrivateCluster } from "./private-cluster.ts";
import { askForTopicIds, tellsTopicIds } from "./topic-ids.ts";

/** A partition whose leader moved is asked about at its old one for so long. */
const LEADERS_AGE_MAX_MS = 5_000;

/** Tells one topic from another one made anew under its name, over connections that stay open. */
export class TopicLife {
  readonly #kafka: Kafka;
  readonly #topic: string;
  #cluster: Promise<PrivateCluster> | undefined;
  /** One asking at a time: kafkajs connects anew whatever is asked after a disconnect, and nobody would end that. */
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(kafka: Kafka, topic: string) {
    this.#kafka = kafka;
    this.#topic = topic;
  }

  /**
   * The topic's id now, as the leader of `partition` knows it; `null` where brokers know no ids (before Kafka 2.8).
   *
   * A topic never gets an id back that it had (KIP-516), and a broker learns of a topic's new id before it opens its new log.
   * So when a leader still tells the id that was known before, whatever was fetched from it until then is of that life.
   * Rejects when the broker is away or has no such topic, as in the moment between two lives, and when this was closed.
   */
  id(partition: number): Promise<string | null> {
    const asked = this.#turn.then(() => this.#ask(partition));
    this.#turn = asked.catch(() => undefined);
    return asked;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
    await this.#disconnect();
  }

  async #ask(partition: number): Promise<string | null> {
    if (this.#isClosed) throw new Error("This was closed, and asks for no topic id any more.");
    this.#cluster ??= this.#open();
    try {
      const cluster = await this.#cluster;
      await cluster.refreshMetadataIfNecessary();
      const [nodeId] = Object.keys(cluster.findLeaderForPartitions(this.#topic, [partition]));
      if (nodeId === undefined) throw new Error(`The brokers know of no ${this.#topic}/${partition}.`);
      const broker = await cluster.findBroker({ nodeId });
      if (!tellsTopicIds(broker)) return null;
      const id = (await askForTopicIds(broker, [this.#topic])).get(this.#topic);
      if (id === undefined) throw new Error(`The leader of ${this.#topic}/${partition} knows no such topic.`);
      return id;
    } catch (fault) {
      // What is known of leaders may be what is wrong.
      await this.#disconnect();
      throw fault;
    }
  }

  async #disconnect(): Promise<void> {
    const cluster = this.#cluster;
    this.#cluster = undefined;
    await cluster?.then(
      (it) => it.disconnect(),
      () => undefined,
    );
  }

  async #open(): Promise<PrivateCluster> {
    const cluster = openCluster(this.#kafka, LEADERS_AGE_MAX_MS);
    await cluster.connect();
    await cluster.addMultipleTargetTopics([this.#topic]);
    return cluster;
  }
}
