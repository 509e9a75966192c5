"use strict";

const swc = [
  "@swc/jest",
  { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
];

/** @type {import("jest").Config} */
module.exports = {
  testEnvironment: "node",
  roots: ["<rootDir>/test"],
  testMatch: ["**/*.test.ts"],
  modulePathIgnorePatterns: ["<rootDir>/.build", "<rootDir>/dist", "<rootDir>/trace-store/dist"],
  moduleNameMapper: {
    "^kafka-trail$": "<rootDir>/index.ts",
    "^kafka-trail/(trace-context|export)$": "<rootDir>/$1/index.ts",
  },
  transform: {
    "\\.ts$": swc,
    "node_modules/typebox/.*\\.mjs$": swc,
  },
  // typebox comes as ES modules only, which Jest's require takes from Node 24 on. Node itself does since 20.19.
  transformIgnorePatterns: ["/node_modules/(?!typebox/)"],
  // The services start once for the run; each test file gets its own database and its own topics.
  globalSetup: "<rootDir>/test/support/start-services.ts",
  globalTeardown: "<rootDir>/test/support/stop-services.ts",
  // Two cores: one for the tests, one for Kafka and Postgres.
  maxWorkers: 2,
  testTimeout: 60_000,
};
