/** What one record of `__consumer_offsets` says about a group's position. */
export interface CommitRecord {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  /** `null`: the offset was deleted. */
  readonly committed: bigint | null;
  /** Milliseconds since 1970, by the broker's clock. */
  readonly atMs: number;
}

// Key versions 0 and 1 are offset commits; 2 is a classic group's metadata, 3 and up are KIP-848's and share groups'.
const OFFSET_COMMIT_KEY_MAX = 1;

/**
 * Reads a record of `__consumer_offsets`: Kafka's OffsetCommitKey 0-1 and OffsetCommitValue 0-4. Returns `undefined`
 * for records about anything else, and for versions that do not exist yet.
 */
export function readCommitRecord(
  key: Buffer | null,
  value: Buffer | null,
  timestampMs: number,
): CommitRecord | undefined {
  try {
    if (key === null || key.readInt16BE(0) > OFFSET_COMMIT_KEY_MAX) return undefined;
    const group = readText(key, 2);
    const topic = readText(key, group.end);
    const partition = key.readInt32BE(topic.end);
    const at = { groupId: group.text, topic: topic.text, partition };
    if (value === null) return { ...at, committed: null, atMs: timestampMs };
    const commit = readValue(value);
    return commit && { ...at, ...commit };
  } catch {
    // Node refuses to read beyond the end, so the record is shorter than its version says. Nothing else throws here.
    return undefined;
  }
}

function readText(bytes: Buffer, at: number): { text: string; end: number } {
  const end = at + 2 + bytes.readInt16BE(at);
  return { text: bytes.toString("utf8", at + 2, end), end };
}

function readValue(value: Buffer): { committed: bigint; atMs: number } | undefined {
  const version = value.readInt16BE(0);
  const committed = value.readBigInt64BE(2);
  const timeAt = version <= 2 ? readText(value, 10).end : afterMetadata(value, version);
  if (version < 0 || timeAt === undefined) return undefined;
  return { committed, atMs: Number(value.readBigInt64BE(timeAt)) };
}

/** Version 3 put a leader epoch before the metadata, version 4 made the metadata a compact string. */
function afterMetadata(value: Buffer, version: number): number | undefined {
  if (version === 3) return readText(value, 14).end;
  if (version !== 4) return undefined;
  let length = 0;
  let at = 14;
  for (let shift = 0; ; shift += 7) {
    const byte = value.readUInt8(at++);
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  return at + Math.max(0, length - 1);
}
