import type { AttributeDecoder } from "./attribute-decoder.ts";
import { ATTRIBUTES_MAX, OBJECT_BYTES_MAX } from "./bounds.ts";
import type { Facts } from "./facts.ts";
import type { JsonWriter } from "./json-writer.ts";
import type { SharedAttributes } from "./shared-attributes.ts";

/** Writes attributes, as they come, into one JSON object of bounded length, and counts those that do not fit. */
export class AttributeObject {
  /** Attributes left out: those the sender had dropped already are added by the caller. */
  dropped = 0;
  readonly #decoder: AttributeDecoder;
  readonly #json: JsonWriter;
  #start = 0;
  #count = 0;

  constructor(decoder: AttributeDecoder, json: JsonWriter) {
    this.#decoder = decoder;
    this.#json = json;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  open(): void {
    this.dropped = 0;
    this.#count = 0;
    this.#start = this.#json.length;
    this.#json.raw("{");
  }

  /** Reads the KeyValue at the reader. One that is left out is read all the same: it may say where a message lies. Told of to `shared`. */
  add(facts: Facts, shared?: SharedAttributes): void {
    const json = this.#json;
    const before = json.length;
    const shareable = this.#decoder.attribute(json, facts);
    if (this.#count < ATTRIBUTES_MAX && json.length - this.#start < OBJECT_BYTES_MAX) {
      if (shareable !== null && shared !== undefined) {
        shared.note(shareable, this.#decoder.seenText, before, this.#decoder.valueStart, json.length);
      }
      this.#count++;
      return;
    }
    json.length = before;
    this.dropped++;
  }

  close(): void {
    this.#json.raw("}");
  }
}
