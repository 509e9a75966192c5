import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { ROOT } from "./support/program.ts";

// What the documents name is there: files, folders, links, npm scripts, environment variables.

const NOT_OURS = new Set(["node_modules", "dist"]);

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((it) => {
    const path = join(folder, it.name);
    // What begins with a dot comes and goes: other tests' programs lie there.
    if (it.isDirectory()) return NOT_OURS.has(it.name) || it.name.startsWith(".") ? [] : filesBelow(path);
    return [relative(ROOT, path)];
  });
}

const FILES = filesBelow(ROOT);
const CODE = FILES.filter((it) => /\.(ts|mjs|yaml)$/.test(it) && it !== "test/docs.test.ts")
  .map((it) => readFileSync(join(ROOT, it), "utf8"))
  .join("\n");
const SCRIPTS = (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: object }).scripts;
const DOCUMENTS = FILES.filter((it) => it.endsWith(".md"));

const isFile = (name: string) => FILES.some((it) => `/${it}`.endsWith(`/${name}`));
const isFolder = (name: string) => FILES.some((it) => `/${it}`.includes(`/${name}`));
const namesIn = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = ""]) => name);

test.each(DOCUMENTS)("%s names nothing that is not there", (document) => {
  const text = readFileSync(join(ROOT, document), "utf8");

  const missing = [
    ...namesIn(text, /\]\((?!http|#)([^)#]+)/g).filter(
      (link) => !existsSync(join(ROOT, dirname(document), link)),
    ),
    ...namesIn(text, /`([\w-][\w./-]*\.(?:ts|sql|mjs|ya?ml))`/g).filter((it) => !isFile(it)),
    ...namesIn(text, /`([a-z][a-z-]*(?:\/[a-z-]+)*\/)`/g).filter((it) => !isFolder(it)),
    ...namesIn(text, /npm run (?:-s )?(\w+)/g).filter((it) => !(it in SCRIPTS)),
    ...namesIn(text, /\b((?:KAFKA|OTEL|OTELCOL|CITUS|DATABASE)_[A-Z_]+[A-Z])\b/g).filter(
      (it) => !CODE.includes(it),
    ),
  ];

  expect(missing).toEqual([]);
});
