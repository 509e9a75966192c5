import { setFlagsFromString } from "node:v8";

// Loaded before everything else, as V8 keeps what it has once taken. Rows live for some hundred milliseconds: too long for
// the young generation, which grew to 32 MiB and copied each of them twice, and too short for the old one, which by default
// may double before it is looked through. With these the garbage between two collections is bounded, and so is the process
// (RATIONALE: "Why does the store tell V8 how to collect?").
setFlagsFromString("--semi-space-growth-factor=1");
setFlagsFromString("--heap-growing-percent=30");
