import { setFlagsFromString } from "node:v8";

// Rows live for some hundred milliseconds, so each of them reaches the old generation, which by default may grow several
// times over before it is looked through. With this the garbage between two collections is bounded, and with it the process
// (RATIONALE: "Why does the store tell V8 how to collect?").
setFlagsFromString("--heap-growing-percent=100");
