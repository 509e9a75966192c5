import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cached, findCached } from "./cache.ts";
import { emptyLog, runToEnd, temporaryDirectory } from "./child.ts";
import { type Progress, timed } from "./progress.ts";
import { findJava, findOnPath } from "./tools.ts";

/** The Apache Kafka that runs where none is given. */
export const KAFKA_VERSION = "4.3.1";

const KEY = `kafka-${KAFKA_VERSION}`;
const JAVA_MAJOR_MIN = 17;

// Kafka's jars come without a logging backend: without slf4j-simple the broker would start and say nothing.
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kafka-trail</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
  <build><plugins><plugin>
    <groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.8.1</version>
  </plugin></plugins></build>
</project>
`;

/** What it takes to run brokers of our own. */
export interface KafkaRuntime {
  readonly java: string;
  readonly classPath: string;
}

/** Tells why brokers of our own cannot run here, if so. */
export function whyNoKafkaRuntime(): string | undefined {
  const java = findJava(JAVA_MAJOR_MIN);
  if ("missing" in java) return java.missing;
  const isDownloaded = findCached(KEY) !== undefined;
  return isDownloaded || findOnPath("mvn") !== undefined ? undefined : "no mvn on PATH";
}

/** Finds Java and the jars of Apache Kafka, which Maven downloads once. */
export async function findKafkaRuntime(onProgress: Progress): Promise<KafkaRuntime> {
  const java = findJava(JAVA_MAJOR_MIN);
  if ("missing" in java) throw new Error(`Kafka needs Java ${JAVA_MAJOR_MIN} or newer: ${java.missing}.`);
  const what = `Downloading Apache Kafka ${KAFKA_VERSION} with Maven (once, 44 MB)`;
  const make = (directory: string) => timed(onProgress, what, () => download(directory));
  const entry = await cached(KEY, make, onProgress);
  return { java: java.path, classPath: join(entry, "libs", "*") };
}

async function download(directory: string): Promise<void> {
  const work = temporaryDirectory("maven");
  writeFileSync(join(work.path, "pom.xml"), POM);
  await runToEnd({
    command: "mvn",
    args: [
      "-q",
      "-B",
      "dependency:copy-dependencies",
      "-DincludeScope=runtime",
      `-DoutputDirectory=${join(directory, "libs")}`,
    ],
    cwd: work.path,
    logFile: emptyLog(work.path, "maven.log"),
  });
  await work.remove();
}
