/** Makes the function that chooses a message's partition; kafkajs's `createPartitioner`. */
export type CreatePartitioner = () => (args: never) => number;

/** Where a client's default partitioner may be found, in this order. */
export interface PartitionerSources {
  /** The module that was handed to `instrumentKafka`. */
  readonly module?: unknown;
  /** The class of the Kafka client. */
  readonly kafkaClass: unknown;
  /** The option `partitioners`. */
  readonly partitioners?: unknown;
}

/** The loaded module by the class it exports; searched once, as a class comes after its module. */
const modules = new WeakMap<object, { readonly exported: unknown }>();

/**
 * Returns the partitioner that a client uses when the app names none, or `undefined` where it cannot be known.
 *
 * kafkajs is never imported: its default is taken from the module that the client's own class came from, so that it is
 * the very function the client would have used.
 */
export function findDefaultPartitioner(sources: PartitionerSources): CreatePartitioner | undefined {
  const { kafkaClass } = sources;
  if (typeof kafkaClass !== "function") return undefined;
  const given = defaultOf(sources.module);
  if (given) return given;
  let loaded = modules.get(kafkaClass);
  if (!loaded) modules.set(kafkaClass, (loaded = { exported: loadedModuleOf(kafkaClass) }));
  return defaultOf(loaded.exported) ?? defaultOf(sources.partitioners);
}

/** Reads `DefaultPartitioner` from a module or from its `Partitioners`. */
function defaultOf(source: unknown): CreatePartitioner | undefined {
  const holder = source as
    | { Partitioners?: { DefaultPartitioner?: unknown }; DefaultPartitioner?: unknown }
    | undefined;
  const partitioner = holder?.Partitioners?.DefaultPartitioner ?? holder?.DefaultPartitioner;
  return typeof partitioner === "function" ? (partitioner as CreatePartitioner) : undefined;
}

/** Finds the loaded module that exports this class as `Kafka`. ES modules share this cache for what is CommonJS. */
function loadedModuleOf(kafkaClass: unknown): unknown {
  // A bundle may come without a cache.
  const cache = (typeof require === "function" && require.cache) || {};
  // Other modules are not looked into: reading an export can run a lazy getter of somebody else's.
  for (const path of Object.keys(cache).filter((it) => /kafka/i.test(it))) {
    const exported: unknown = cache[path]?.exports;
    if (typeof exported !== "object" || exported === null || !("Kafka" in exported)) continue;
    if (exported.Kafka === kafkaClass) return exported;
  }
  return undefined;
}
