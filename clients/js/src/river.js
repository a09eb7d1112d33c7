// The adapter for River's workers. It uses nothing of River but what stands here, and imports nothing of it.

import { TOKEN_KEY } from "./values.js";
import { current } from "./work.js";

/**
 * What is used of a job's row.
 * @typedef {object} RiverJob
 * @property {bigint} id
 * @property {number} attempt
 * @property {{ toString(): string } | null} attemptedAt a Temporal.Instant, with microseconds
 * @property {readonly string[]} attemptedBy the client that holds the job is the last
 *
 * What is used of the context that a handler receives. River merges what `setMetadata` was given into the job's row with the
 * result, whatever it is.
 * @typedef {object} RiverContext
 * @property {RiverJob} job
 * @property {AbortSignal} signal
 * @property {(key: string, value: string | null) => void} [setMetadata]
 */

/**
 * @template {RiverContext} Context
 * @template Result
 * @param {import("./beats.js").Beats} beats
 * @param {(context: Context) => Result | Promise<Result>} handler
 * @param {import("./beats.js").Tier | ((job: Context["job"]) => import("./beats.js").Tier)} tier
 * @returns {(context: Context) => Promise<Result>}
 */
export function wrapHandler(beats, handler, tier) {
  return async (context) => {
    const { id: jobId, attempt, attemptedAt } = context.job;
    if (!attemptedAt) return handler(context); // no client holds it, as in a test of a handler
    const work = await beats.begin(
      { jobId, attempt, attemptedAt },
      typeof tier === "function" ? tier(context.job) : tier,
    );
    const signal = AbortSignal.any([context.signal, work.signal]);
    attachToken(context, work);
    /** @type {"completed" | "failed" | "snoozed" | "cancelled"} */
    let outcome = "failed";
    try {
      const result = await current.run(work, () => handler(withSignal(context, signal)));
      outcome = outcomeOf(result, context.signal);
      return result;
    } catch (error) {
      outcome = outcomeOfError(error, context.signal);
      throw error;
    } finally {
      if (outcome === "failed" || outcome === "snoozed") await work.saveCheckpoint();
      attachToken(context, work); // once more, for a fence that was installed meanwhile
      work.finish(outcome);
    }
  };
}

/** The result carries the claim, so that the database recognises a late one. @param {RiverContext} context @param {import("./work.js").Work} work */
function attachToken(context, work) {
  const { token } = work;
  if (token !== null) context.setMetadata?.(TOKEN_KEY, token);
}

/**
 * The same context with another signal. Methods run on River's own object: they may use its private fields.
 * @template {RiverContext} Context
 * @param {Context} context
 * @param {AbortSignal} signal
 * @returns {Context}
 */
function withSignal(context, signal) {
  return new Proxy(context, {
    get(target, key) {
      if (key === "signal") return signal;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** River's outcomes name themselves; a plain return completes the job. @param {unknown} result @param {AbortSignal} signal */
function outcomeOf(result, signal) {
  const kind = result && typeof result === "object" && "kind" in result ? result.kind : "complete";
  if (kind === "snooze" || kind === "interrupt") return "snoozed";
  if (kind === "discard" || kind === "retry") return "failed";
  return kind === "cancel" || isRemoteCancel(signal.reason) ? "cancelled" : "completed";
}

/** @param {unknown} error @param {AbortSignal} signal */
function outcomeOfError(error, signal) {
  return isRemoteCancel(error) || isRemoteCancel(signal.reason) ? "cancelled" : "failed";
}

/** @param {unknown} error */
const isRemoteCancel = (error) => error instanceof Error && error.name === "JobCancelledError";
