import {
  NO_LEADER,
  type PrivateBroker,
  type PrivateBrokerPool,
  type PrivateMetadata,
} from "./private-cluster.ts";

const METADATA_API_KEY = 3;
/** Kafka's code for a replica that is away: the leader is there, and its name is told. */
const REPLICA_NOT_AVAILABLE = 9;

/** Metadata as they come, with an error code for each topic and partition. */
interface ToldMetadata extends PrivateMetadata {
  readonly topicMetadata: readonly {
    readonly topic: string;
    readonly topicErrorCode: number;
    readonly partitionMetadata: readonly {
      readonly partitionId: number;
      readonly partitionErrorCode: number;
      readonly leader: number;
    }[];
  }[];
}

/**
 * Lets a pool take the metadata of a cluster of which some parts are away.
 *
 * kafkajs 2.2.4 rejects all of it when one partition of any topic has no leader, as after the crash of a broker with the
 * only replica of something: whoever asks for every topic then sees nothing, just when it matters.
 */
export function takeWhatIsTold(pool: PrivateBrokerPool): void {
  const find = pool.findConnectedBroker.bind(pool);
  const patched = new WeakSet<PrivateBroker>();
  pool.findConnectedBroker = async () => {
    const broker = await find();
    if (!patched.has(broker)) patched.add(patchMetadata(broker));
    return broker;
  };
}

function patchMetadata(broker: PrivateBroker): PrivateBroker {
  const lookUp = broker.lookupRequest.bind(broker);
  broker.lookupRequest = (apiKey, versions) => {
    const makeRequest = lookUp(apiKey, versions);
    if (apiKey !== METADATA_API_KEY) return makeRequest;
    return (asked) => {
      const { request, response } = makeRequest(asked);
      return { request, response: { ...response, parse: async (told) => readable(told as ToldMetadata) } };
    };
  };
  return broker;
}

/** Topics that are told of, their partitions with a leader or with none; and the names of the other topics. */
function readable(told: ToldMetadata): PrivateMetadata {
  const topicMetadata = told.topicMetadata
    .filter(({ topicErrorCode }) => topicErrorCode === 0)
    .map((topic) => ({
      ...topic,
      partitionMetadata: topic.partitionMetadata.map((partition) => ({
        ...partition,
        leader: isLed(partition.partitionErrorCode) ? partition.leader : NO_LEADER,
      })),
    }));
  const refused = told.topicMetadata.filter(({ topicErrorCode }) => topicErrorCode !== 0);
  return { ...told, topicMetadata, refusedTopics: refused.map(({ topic }) => topic) };
}

const isLed = (errorCode: number): boolean => errorCode === 0 || errorCode === REPLICA_NOT_AVAILABLE;
