export { Beats } from "./beats.js";
export { checkpoint, checkpointTx, resume } from "./checkpoint.js";
export { BeatsStopped, ClaimLost, LeaseExpired, StopRequested, WorkMustStop } from "./errors.js";
export { attemptedAtText, TOKEN_KEY } from "./values.js";
export { verifyClaim } from "./verify.js";
export { check, currentWork, progress } from "./work.js";

/**
 * @typedef {import("./beats.js").BeatsOptions} BeatsOptions
 * @typedef {import("./beats.js").Tier} Tier
 * @typedef {import("./river.js").RiverContext} RiverContext
 * @typedef {import("./river.js").RiverJob} RiverJob
 * @typedef {import("./values.js").Claim} Claim
 * @typedef {import("./work.js").Work} Work
 */
