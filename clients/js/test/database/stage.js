// What the tests with a database share: jobs of River's table, and waiting for a condition.

import pg from "pg";
import { Beats } from "../../src/index.js";

const PATIENCE_MS = 60_000; // of a busy machine; no test waits so long on a quiet one
const POLL_MS = 10;

export const URL = process.env.RIVERBEAT_TEST_DATABASE_URL;
if (!URL)
  throw new Error("RIVERBEAT_TEST_DATABASE_URL must name a database with a keeper schema (tests/e2e makes one)");

/** A connection, and a Beats that is closed at the end of the test. */
export async function stage(t, options = {}) {
  const sql = new pg.Client(URL);
  await sql.connect();
  t.after(() => sql.end());
  const logged = [];
  const log = (message, fields) => logged.push({ message, ...fields });
  const beats = new Beats({
    connection: URL,
    clientId: "js",
    intervalSeconds: 0.2,
    logger: { info: log, warn: log, error: log },
    ...options,
  });
  t.after(() => beats.close({ waitSeconds: 0 }));
  return { sql, beats, logged };
}

/** A job that a client has just claimed; `attemptedAt` as the contract writes it. */
export async function claimed(sql, at = "clock_timestamp()") {
  const { rows } = await sql.query(`INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by)
    VALUES ('report', 'running', 1, ${at}, ARRAY['before', 'js'])
    RETURNING id AS "jobId", attempt, attempted_at AS date,
      to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "attemptedAt"`);
  return rows[0];
}

/** The heartbeat row of a claim. */
export async function row(sql, claim) {
  const { rows } = await sql.query(
    "SELECT * FROM riverkeeper.heartbeat WHERE job_id = $1 AND attempted_at = $2::timestamptz",
    [claim.jobId, claim.attemptedAt],
  );
  return rows[0];
}

/** Another process takes the claim away. */
export const takeAway = (sql, claim) =>
  sql.query("UPDATE river_job SET state = 'available' WHERE id = $1", [claim.jobId]);

/** Waits until `condition` gives something, and returns that. */
export async function until(condition, what) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`waited in vain for ${what}`);
}
