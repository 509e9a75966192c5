import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findOrBuild, type GoProgram, whyMissing } from "./go-build.ts";
import { type OtelService, startOtelProgram } from "./otel-program.ts";
import { freePorts } from "./ports.ts";
import { type Progress, quiet } from "./progress.ts";
import { repositoryRoot } from "./root.ts";

// Jaeger 2.13, the newest that the module proxy has under a version of its module path. Its page is a placeholder when
// it is built from the module; the HTTP and gRPC API are whole.
const MODULE = "github.com/jaegertracing/jaeger";
const VERSION = "v1.76.0";

const JAEGER: GoProgram = {
  title: "Jaeger 2.13",
  variable: "JAEGER_BIN",
  commands: ["jaeger"],
  key: `jaeger-${VERSION}`,
  duration: "about 6 minutes on 2 cores",
  async build(go, directory) {
    // `go install` refuses modules that replace others. A module of our own with the same requirements does not.
    writeFileSync(join(directory, "go.mod"), "module build\n");
    await go("go", ["mod", "download", `${MODULE}@${VERSION}`], { cwd: directory });
    const modules = execFileSync("go", ["env", "GOMODCACHE"], { encoding: "utf8" }).trim();
    const source = join(modules, `${MODULE}@${VERSION}`);
    const theirs = readFileSync(join(source, "go.mod"), "utf8");
    const [language = ""] = /^go .*$/m.exec(theirs) ?? [];
    const requirements = theirs.match(/^require \([^)]*^\)$/gm) ?? [];
    writeFileSync(
      join(directory, "go.mod"),
      ["module build", language, `require ${MODULE} ${VERSION}`, ...requirements, ""].join("\n\n"),
    );
    writeFileSync(join(directory, "go.sum"), readFileSync(join(source, "go.sum")));
    await go("go", ["build", "-o", "jaeger", `${MODULE}/cmd/jaeger`], { cwd: directory });
    return join(directory, "jaeger");
  },
};

/** Tells why Jaeger is not to be had on this machine, if so. */
export const whyNoJaeger = (): string | undefined => whyMissing(JAEGER);

/** Returns Jaeger's binary: `JAEGER_BIN`, PATH, built before, or built now. */
export const findOrBuildJaeger = (onProgress: Progress = quiet): Promise<string> =>
  findOrBuild(JAEGER, onProgress);

/** A running Jaeger that keeps nothing and asks a store. */
export interface JaegerService extends OtelService {
  /** Its page and HTTP API. */
  readonly httpPort: number;
  readonly grpcPort: number;
}

/** Runs Jaeger's query service on free ports over a store that speaks `jaeger.storage.v2` at `storage` (host:port). */
export async function startJaeger(options: {
  readonly storage: string;
  readonly onProgress?: Progress;
}): Promise<JaegerService> {
  const binary = await findOrBuildJaeger(options.onProgress);
  const [httpPort = 0, grpcPort = 0, healthPort = 0] = await freePorts(3);
  const service = await startOtelProgram({
    title: "Jaeger",
    binary,
    configFile: join(repositoryRoot(), "dev", "jaeger.yaml"),
    env: {
      JAEGER_STORAGE: options.storage,
      JAEGER_HTTP_PORT: String(httpPort),
      JAEGER_GRPC_PORT: String(grpcPort),
      JAEGER_HEALTH_PORT: String(healthPort),
    },
    healthUrl: `http://127.0.0.1:${healthPort}/status`,
  });
  return { ...service, httpPort, grpcPort };
}
