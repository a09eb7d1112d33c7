// The one real guarantee: a check of the claim in the transaction that has the effect.

import { ClaimLost } from "./errors.js";
import { prepare } from "./statements.js";

/**
 * Run it first in the transaction whose effect must not happen twice, and keep that transaction short: the job's row stays
 * locked until it ends, so nobody takes the claim away before. Rejects with ClaimLost where the claim is over: roll back.
 * @param {{ query(text: string, values: any[]): Promise<{ rows: any[] }> }} client of `pg`, in the transaction
 * @param {import("./work.js").Work | undefined} work
 * @param {{ riverSchema?: string }} [options]
 */
export async function verifyClaim(client, work, { riverSchema = "" } = {}) {
  if (!work?.claim) throw new Error("riverbeat: this work has no claim to verify");
  const { jobId, attempt, attemptedAt } = work.claim;
  /** @type {Record<string, unknown>} */
  const values = { job_id: jobId, attempted_at: attemptedAt, attempt };
  const { text, names } = prepare("verify_claim", riverSchema, "");
  const { rows } = await client.query(
    text,
    names.map((name) => values[name]),
  );
  if (rows.length === 0) throw new ClaimLost(`this process lost the claim on job ${jobId}: roll back`);
}
