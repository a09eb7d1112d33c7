// What a job saves of where it is, so that its next attempt goes on from there.

import { ClaimLost } from "./errors.js";
import { prepare } from "./statements.js";
import { encodeCheckpoint } from "./values.js";
import { current } from "./work.js";

/**
 * Save where the running job is: any JSON of at most 8 kB, anywhere below `run` or `wrap`. The newest value is sent with the next beat,
 * and nothing where it has not changed. A worker that dies loses what it did since its last beat at most; for no loss at all
 * see `checkpointTx`. Throws RangeError for what is no such value, and ClaimLost. Outside of a job that beats, and with a keeper
 * schema that has no table for it, a value is accepted and kept nowhere.
 * @param {unknown} value
 */
export function checkpoint(value) {
  const work = current.getStore();
  if (work) work.checkpoint(value);
  else encodeCheckpoint(value);
}

/**
 * Save a checkpoint in the transaction that has the effect: both are there afterwards, or neither is. It locks the job, as `verifyClaim`
 * does: call it first, and keep the transaction short. Rejects with ClaimLost where the claim is over: roll back. It replaces
 * a checkpoint that was not sent yet. The login of the transaction needs the rights of riverkeeper_worker.
 * @param {{ query(text: string, values: any[]): Promise<{ rows: any[] }> }} client of `pg`, in the transaction
 * @param {unknown} value
 * @param {import("./work.js").Work | undefined} [work] default: that of the running job
 */
export async function checkpointTx(client, value, work = current.getStore()) {
  const val = encodeCheckpoint(value);
  if (!work?.claim) throw new Error("riverbeat: there is nowhere to save a checkpoint: this job does not beat");
  const { jobId, attempt, attemptedAt } = work.claim;
  const { riverSchema, keeperSchema, number } = work.replaceCheckpoint();
  /** @type {Record<string, unknown>} */
  const values = { job_id: jobId, attempted_at: attemptedAt, attempt, number, val };
  const { text, names } = prepare("checkpoint_tx", riverSchema, keeperSchema);
  const { rows } = await client.query(
    text,
    names.map((name) => values[name]),
  );
  if (rows.length === 0) throw new ClaimLost(`this process lost the claim on job ${jobId}: roll back`);
}

/**
 * The running job's newest checkpoint, whichever attempt saved it; undefined where there is none, and outside of a job. Where it
 * rejects, let the job fail: what earlier attempts did is not known.
 * @returns {Promise<any>}
 */
export async function resume() {
  return current.getStore()?.resume();
}
