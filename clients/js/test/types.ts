// Compiled, never run: the types that the package ships fit what its users write.

import type { Pool } from "pg";
import {
  attemptedAtText,
  Beats,
  check,
  checkpoint,
  checkpointTx,
  ClaimLost,
  currentWork,
  progress,
  resume,
  TOKEN_KEY,
  verifyClaim,
  WorkMustStop,
} from "riverbeat";
import type { BeatsOptions, RiverContext, Tier } from "riverbeat";

declare const pool: Pool;
declare const claimedAt: { toString(): string };

const options: BeatsOptions = { connection: pool.options, clientId: "web-1", fence: "native", kinds: ["report"] };
const beats = new Beats(options);

// As River declares its context: more than the adapter uses.
interface Job {
  id: bigint;
  attempt: number;
  attemptedAt: { toString(): string } | null;
  attemptedBy: readonly string[];
  args: { page: number };
}
interface WorkContext extends RiverContext {
  job: Job;
  completeTx(tx: unknown): Promise<void>;
}

const tier: Tier = { intervalSeconds: 2, leaseSeconds: 5 };
const handler: (context: WorkContext) => Promise<{ kind: string }> = beats.wrap(async (context: WorkContext) => {
  progress(context.job.args.page / 10, "page");
  const { page } = (await resume()) ?? { page: 0 };
  checkpoint({ page: page + 1 });
  await checkpointTx(await pool.connect(), { page: page + 2 });
  await context.completeTx(undefined);
  return { kind: "complete" };
}, tier);
beats.wrap(handler, (job) => (job.args.page > 9 ? tier : {}));

const work = await beats.begin({ jobId: 1n, attempt: 1, attemptedAt: claimedAt });
const token: string | null = work.token;
work.checkpoint(7);
await checkpointTx(await pool.connect(), 8, work);
const where: unknown = await work.resume();
await work.saveCheckpoint();
const held: boolean = work.finish("completed");
const reason: unknown = work.signal.reason;
if (reason instanceof ClaimLost || reason instanceof WorkMustStop) reason.message.trim();
const result: number = await beats.run({ jobId: "1", attempt: 1, attemptedAt: new Date() }, async ({ signal }) => {
  signal.throwIfAborted();
  return 1;
});
const text: string = attemptedAtText("2026-01-31 23:59:59.12+00");
await verifyClaim(await pool.connect(), work, { riverSchema: "jobs" });
const beatsSoFar: number = beats.stats().beats;
await verifyClaim(await pool.connect(), currentWork());
check();
await beats.close({ waitSeconds: 10 });
export { beatsSoFar, where, held, result, text, token, TOKEN_KEY };

// @ts-expect-error an outcome that no job can have
work.finish("done");
// @ts-expect-error the client id is missing
new Beats({ connection: "postgres:///" });
// @ts-expect-error there is no such fence
new Beats({ connection: "postgres:///", clientId: "js", fence: "yes" });
