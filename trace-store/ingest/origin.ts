import { createHash } from "node:crypto";
import type { ResourceRow } from "../span/span-row.ts";
import type { AttributeDecoder } from "./attribute-decoder.ts";
import { AttributeObject } from "./attribute-object.ts";
import { NAME_LENGTH_MAX } from "./bounds.ts";
import { Fact, Facts } from "./facts.ts";
import { JsonWriter } from "./json-writer.ts";
import { cutText, type Marks } from "./sanitise.ts";
import type { WireReader } from "./wire-reader.ts";

// Tags of ResourceSpans and Resource, of ScopeSpans and InstrumentationScope.
const RESOURCE = 10;
const RESOURCE_ATTRIBUTE = 10;
const SCOPE = 10;
const SCOPE_NAME = 10;
const SCOPE_VERSION = 18;
const SCOPE_ATTRIBUTE = 26;

/** What all spans of a ResourceSpans have in common. */
export interface Origin {
  readonly service: string;
  readonly resource: ResourceRow;
  /** Bits of what was changed about the resource. */
  readonly marks: number;
}

/** The instrumentation that made the spans of a ScopeSpans. */
export interface Scope {
  readonly name: string;
  /** `{ name, version, attributes? }`; `null` where it says nothing of itself. */
  readonly json: Buffer | null;
  readonly marks: number;
}

/** So many resources of so many bytes are remembered. */
const KNOWN_MAX = 1_024;
const KNOWN_BYTES_MAX = 2_048;
/** What the conventions call a process that did not say its name. */
const UNKNOWN_SERVICE = "unknown_service";

/**
 * Reads what stands around spans: the resource and the scope. Either may follow its spans on the wire, or come twice
 * (then protobuf merges them), so each is looked for in the whole message before a span of it is read.
 */
export class OriginDecoder {
  readonly #reader: WireReader;
  readonly #attributes: AttributeDecoder;
  readonly #marks: Marks;
  readonly #json: JsonWriter;
  readonly #object: AttributeObject;
  readonly #facts = new Facts();
  /** Resources by their bytes: senders are few, and a hash takes ten times as long as finding one. */
  readonly #known = new Map<string, ResourceRow>();

  constructor(reader: WireReader, attributes: AttributeDecoder) {
    this.#reader = reader;
    this.#attributes = attributes;
    this.#marks = attributes.marks;
    this.#json = new JsonWriter(attributes.marks);
    this.#object = new AttributeObject(attributes, this.#json);
  }

  /** Reads the resource of the ResourceSpans at the reader, which stays where it is. */
  origin(): Origin {
    const json = this.#begin();
    this.#object.open();
    this.#each(RESOURCE, (tag) => {
      if (tag !== RESOURCE_ATTRIBUTE) return false;
      this.#object.add(this.#facts);
      return true;
    });
    this.#object.close();
    const resource = this.#resource(json.bytes.subarray(0, json.length));
    const service = cutText(this.#facts.text(Fact.serviceName) || UNKNOWN_SERVICE, NAME_LENGTH_MAX);
    return { service, resource, marks: this.#marks.bits };
  }

  #resource(bytes: Buffer): ResourceRow {
    const key = bytes.length <= KNOWN_BYTES_MAX ? bytes.toString("latin1") : "";
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const attributes = Buffer.from(bytes);
    const made = {
      hash: createHash("sha256").update(attributes).digest("hex"),
      attributes,
      detail: null,
    };
    if (key === "") return made;
    if (this.#known.size === KNOWN_MAX) this.#known.clear();
    this.#known.set(key, made);
    return made;
  }

  /** Reads the scope of the ScopeSpans at the reader, which stays where it is. */
  scope(): Scope {
    const json = this.#begin();
    let name = "";
    let version = "";
    this.#object.open();
    this.#each(SCOPE, (tag) => {
      if (tag === SCOPE_NAME) name = this.#attributes.text(NAME_LENGTH_MAX);
      else if (tag === SCOPE_VERSION) version = this.#attributes.text(NAME_LENGTH_MAX);
      else if (tag === SCOPE_ATTRIBUTE) this.#object.add(this.#facts);
      else return false;
      return true;
    });
    this.#object.close();
    const attributesEnd = json.length;
    const hasAttributes = !this.#object.isEmpty;
    const marks = this.#marks.bits;
    if (name === "" && version === "" && !hasAttributes) return { name, json: null, marks };
    json.raw('{"name":');
    json.text(name);
    json.raw(',"version":');
    json.text(version);
    if (hasAttributes) {
      json.raw(',"attributes":');
      json.copy(json.bytes, 0, attributesEnd);
    }
    json.raw("}");
    return { name, json: Buffer.from(json.bytes.subarray(attributesEnd, json.length)), marks };
  }

  #begin(): JsonWriter {
    this.#json.length = 0;
    this.#marks.begin(0);
    this.#facts.clear();
    return this.#json;
  }

  /** Calls `field` for every field of every message `wanted`; it returns false for a field that it does not know. */
  #each(wanted: number, field: (tag: number) => boolean): void {
    const reader = this.#reader;
    const start = reader.at;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag !== wanted) {
        reader.skip(tag);
        continue;
      }
      const outer = reader.enter();
      while (reader.at < reader.end) {
        const inner = reader.tag();
        if (!field(inner)) reader.skip(inner);
      }
      reader.leave(outer);
    }
    reader.at = start;
  }
}
