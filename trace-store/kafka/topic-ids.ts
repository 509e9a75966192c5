// kafkajs sends nothing that is not of its own class.
import Encoder from "kafkajs/src/protocol/encoder.js";
import type { PrivateBroker } from "./private-cluster.ts";

/** Metadata, version 12: the first that tells topic ids by name and also takes a null (KIP-516). */
const METADATA = { key: 3, version: 12 };

/** False for brokers before 2.8, which close the connection when asked. */
export function tellsTopicIds(broker: PrivateBroker): boolean {
  return (broker.versions?.[METADATA.key]?.maxVersion ?? 0) >= METADATA.version;
}

/**
 * Asks a connected broker that {@link tellsTopicIds} for the ids of topics: what alone tells a topic from another one made
 * anew under its name.
 *
 * Returns 32 hex characters by topic name; topics that do not exist are left out. kafkajs 2.2.4 speaks Metadata up to
 * version 6, which knows no ids, so the request is written here and sent through its connection, TLS and SASL included.
 */
export function askForTopicIds(
  broker: PrivateBroker,
  topics: readonly string[],
): Promise<Map<string, string>> {
  return broker.connectionPool.send({
    request: {
      apiKey: METADATA.key,
      apiVersion: METADATA.version,
      apiName: "Metadata",
      encode: async () => encode(topics),
    },
    response: {
      decode: async (payload: Buffer) => decode(payload),
      parse: async (ids: Map<string, string>) => ids,
    },
  });
}

/** The leading zero ends the flexible request header, which kafkajs does not know (KIP-482). */
function encode(topics: readonly string[]): Encoder {
  const names = topics.map((topic) => Buffer.from(topic));
  const encoder = new Encoder();
  const body = [
    Buffer.from([0]),
    uvarint(names.length + 1),
    ...names.flatMap((name) => [Buffer.alloc(16), uvarint(name.length + 1), name, Buffer.from([0])]),
    Buffer.from([0, 0, 0]), // No auto-creation, no authorised operations, no tagged fields.
  ];
  encoder.writeBufferInternal(Buffer.concat(body));
  return encoder;
}

function uvarint(value: number): Buffer {
  const out: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...out, rest]);
    out.push((rest & 0x7f) | 0x80);
  }
}

/** Reads Metadata response 12 up to each topic's name and id; the rest is skipped. */
function decode(payload: Buffer): Map<string, string> {
  let at = 0;
  const readUvarint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = payload.readUInt8(at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const readText = () => {
    const length = readUvarint() - 1;
    at += Math.max(0, length);
    return length < 0 ? undefined : payload.toString("utf8", at - length, at);
  };
  const skipTags = () => {
    for (let tags = readUvarint(); tags > 0; tags--) {
      readUvarint();
      at += readUvarint();
    }
  };
  const skipArray = (each: () => void) => {
    for (let left = readUvarint() - 1; left > 0; left--) each();
  };
  const skipNodes = () => skipArray(() => (at += 4));

  skipTags();
  at += 4; // Throttle time.
  skipArray(() => {
    at += 4;
    readText();
    at += 4;
    readText();
    skipTags();
  });
  readText(); // Cluster id.
  at += 4; // Controller.
  const ids = new Map<string, string>();
  skipArray(() => {
    const error = payload.readInt16BE(at);
    at += 2;
    const name = readText();
    const id = payload.toString("hex", at, at + 16);
    at += 17; // The id, and whether it is internal.
    skipArray(() => {
      at += 2 + 4 + 4 + 4;
      skipNodes();
      skipNodes();
      skipNodes();
      skipTags();
    });
    at += 4; // Authorised operations.
    skipTags();
    if (error === 0 && name !== undefined) ids.set(name, id);
  });
  return ids;
}
