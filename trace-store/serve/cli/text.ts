// C0 and C1 controls, DEL, line and paragraph separators, and the marks that turn the direction of text around.
// oxlint-disable-next-line no-control-regex -- finding them is its purpose
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Takes out of a text what could steer a terminal: names and keys are whatever an app put there. */
export function printable(text: string): string {
  return text.replace(UNSAFE, "");
}

/** Spells a value as one line of JSON in which nothing steers a terminal; parsed again, it is the same value. */
export function safeJson(value: unknown, indent = 0): string {
  const spelled = JSON.stringify(value, undefined, indent);
  return spelled.replace(UNSAFE, (mark) =>
    // Raw, only the line breaks of the indentation are left by JSON.stringify.
    mark === "\n" ? mark : `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Cuts a text that would break a table, at the end. */
export function shortened(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`;
}

/** Cuts a text into lines between its words; a word that is longer than a line is cut. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(" ", width);
    const end = space > 0 ? space : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

/** Spells a count with its noun: `1 hop`, `7 hops`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
