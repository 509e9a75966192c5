import { type ClientBase } from "pg";
import type { SpanRow } from "../span/span-row.ts";
import type { BatchNames } from "./batch-names.ts";
import { clustered, Dictionary, hashed, named } from "./dictionary.ts";
import { UnplacedTopics } from "./unplaced-topics.ts";

/** How many names each dictionary table may hold. A span with a name beyond that keeps it in its own detail. */
export interface DictionaryCaps {
  readonly services: number;
  readonly spanNames: number;
  readonly topics: number;
  readonly consumerGroups: number;
  readonly resources: number;
}

export const DEFAULT_DICTIONARY_CAPS: DictionaryCaps = {
  services: 10_000,
  spanNames: 50_000,
  topics: 100_000,
  consumerGroups: 100_000,
  // One for each program, scope and set of attributes that its spans repeat: ten or twenty for each process of a fleet.
  resources: 500_000,
};

/** The ids of all names, looked up or given in short transactions of their own and remembered. */
export class Dictionaries {
  readonly services: Dictionary;
  readonly spanNames: Dictionary;
  readonly topics: Dictionary;
  readonly consumerGroups: Dictionary;
  readonly resources: Dictionary;
  readonly #all: readonly Dictionary[];
  readonly #unplaced: UnplacedTopics;

  constructor(caps: DictionaryCaps = DEFAULT_DICTIONARY_CAPS) {
    this.services = new Dictionary(named("services", "service_id"), caps.services);
    this.spanNames = new Dictionary(named("span_names", "span_name_id"), caps.spanNames);
    this.topics = new Dictionary(clustered("topics", "topic_id"), caps.topics);
    this.consumerGroups = new Dictionary(
      clustered("consumer_groups", "consumer_group_id"),
      caps.consumerGroups,
    );
    this.resources = new Dictionary(hashed("resources", "resource_id"), caps.resources);
    this.#all = [this.services, this.spanNames, this.topics, this.consumerGroups, this.resources];
    this.#unplaced = new UnplacedTopics(this.topics);
  }

  /** Makes `idOf` answer for every one of `names`, and keeps which topics have handlings without an offset. The client must not be in a transaction. */
  async lookUp(client: ClientBase, names: BatchNames): Promise<void> {
    for (const dictionary of this.#all) dictionary.expire();
    for (const name of names.services) this.services.want(name);
    for (const name of names.spanNames) this.spanNames.want(name);
    for (const [hash, resource] of names.resources) this.resources.want(hash, "", resource);
    for (const [cluster, topics] of names.topics) for (const name of topics) this.topics.want(name, cluster);
    for (const [cluster, groups] of names.consumerGroups) {
      for (const name of groups) this.consumerGroups.want(name, cluster);
    }
    for (const dictionary of this.#all) await dictionary.fetchWanted(client);
    await this.#unplaced.keep(client, names.unplacedTopics);
  }

  /** True when one of the span's names found no room. */
  isInline(row: SpanRow): boolean {
    if (!this.#all.some((it) => it.isFull)) return false;
    return (
      this.services.idOf(row.service) === 0 ||
      this.spanNames.idOf(row.name) === 0 ||
      this.resources.idOf(row.resource.hash) === 0 ||
      (row.topic !== null && this.topics.idOf(row.topic, row.cluster) === 0) ||
      (row.consumerGroup !== null && this.consumerGroups.idOf(row.consumerGroup, row.cluster) === 0)
    );
  }

  /** Forgets everything, as what answers after a lost connection may be another database. */
  forget(): void {
    for (const dictionary of this.#all) dictionary.forget();
    this.#unplaced.forget();
  }
}
