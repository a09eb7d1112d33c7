// What beats: one statement for the process and all its claims, every interval. Runs in a thread of its own.

import { leaseClock } from "./clock.js";
import { decide } from "./decisions.js";
import { isSchemaGone, refusalReason } from "./refusals.js";
import { fitFraction, fitNote } from "./values.js";

const JITTER = 0.1; // of the interval, earlier: processes that start together drift apart
const LONGEST_DELAY_SECONDS = 0.1; // that a new claim waits before a beat names it: most jobs are short, and need no row
const LEASE_CHECK_MS = 1000; // leases are checked so often although none is due: a timer stops while the machine sleeps
const LEAST_LEASE_CHECK_MS = 5;
const MAX_ENDS = 100_000; // kept while the database is away; they only inform
const LOOKUP_MS = 5000; // for claim.sql, once for a job whose claim came without microseconds, and for resume.sql
const REFUSED_MS = 60_000; // no checkpoint is sent for so long after a refusal: each failed statement costs a connection

/**
 * @typedef {import("./errors.js").Cause} Cause
 * @typedef {import("./values.js").CheckedClaim} CheckedClaim
 * @typedef {import("./table.js").HeartbeatTable} HeartbeatTable
 * @typedef {object} BeginCommand
 * @property {number} id
 * @property {CheckedClaim} claim
 * @property {number} interval seconds
 * @property {number | null} lease seconds
 * @property {number} at clock of leases
 * @typedef {object} Entry a claim at work
 * @property {number} id
 * @property {CheckedClaim} claim
 * @property {number} interval
 * @property {number | null} lease
 * @property {number} began
 * @property {number} lastBeat when the last beat that succeeded was sent
 * @property {boolean} named its row may exist
 * @property {boolean} lost
 * @property {boolean} expired
 * @property {boolean} stopped
 * @property {boolean} finished completed by the job itself
 * @property {number | null} progress
 * @property {string | null} note
 * @property {number} reports so far
 * @property {number} acknowledged reports that a beat has brought
 * @property {{ number: number, text: string } | null} checkpoint the newest; null: none, or the job's own transaction has it
 * @property {string | null} saved the checkpoint that is saved; null: not known
 * @property {number} inTransaction number of the newest that a transaction of the job has written
 * @property {boolean} leaving its work has failed, and waits until its newest checkpoint is saved
 */

/** Counts since the start. @type {Readonly<Record<"beats" | "failures" | "refusals" | "lost" | "leasesExpired" | "stopsRequested" | "abandoned" | "lastBeatSeconds", number>>} */
export const NO_STATS = Object.freeze({
  beats: 0,
  failures: 0,
  refusals: 0,
  lost: 0,
  leasesExpired: 0,
  stopsRequested: 0,
  abandoned: 0,
  lastBeatSeconds: 0,
});

export class Ticker {
  /** @type {Map<number, Entry>} */
  #entries = new Map();
  /** @type {{ claim: CheckedClaim, outcome: string }[]} */
  #ends = [];
  #closing = false;
  #wake = () => {};
  #failing = false; // the last beat
  #atOnce = false; // no pause before the next tick
  #checkpointsFrom = -Infinity; // before it none is sent
  #podDue = true;
  /** @type {NodeJS.Timeout | undefined} */
  #leaseTimer;
  /** @type {Set<string>} */
  #logged = new Set();
  #table;
  #interval;
  #tell;

  /**
   * @param {HeartbeatTable} table
   * @param {number} interval seconds, of the process
   * @param {(event: Record<string, unknown>) => void} tell
   */
  constructor(table, interval, tell) {
    this.#table = table;
    this.#interval = interval;
    this.#tell = tell;
    this.stats = { ...NO_STATS };
    table.onFence = () => tell({ event: "fence", fence: table.fence });
  }

  /** @param {BeginCommand} command */
  begin({ id, claim, interval, lease, at }) {
    this.#entries.set(id, {
      id,
      claim,
      interval,
      lease,
      began: at,
      lastBeat: at,
      named: false,
      lost: false,
      expired: false,
      stopped: false,
      finished: false,
      progress: null,
      note: null,
      reports: 0,
      acknowledged: 0,
      checkpoint: null,
      saved: null,
      inTransaction: 0,
      leaving: false,
    });
    this.#wake(); // a more urgent claim must not wait for the pause of a patient one
    if (lease !== null) this.#watchLeases();
  }

  /** @param {{ id: number, value: unknown, note: unknown }} command */
  progress({ id, value, note }) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.progress = fitFraction(value);
    entry.note = fitNote(note);
    entry.reports++; // the same number reported again is progress too
  }

  /** @param {{ id: number, number: number, text: string | null }} command text null: a transaction of the job saves this one */
  checkpoint({ id, number, text }) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.checkpoint = text === null ? null : { number, text };
    if (text === null) [entry.inTransaction, entry.saved] = [number, null];
  }

  /** The work has failed: its newest checkpoint has to be saved before its result is written. @param {{ id: number }} command */
  save({ id }) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    if (!isUnsaved(entry) || this.#table.lacksCheckpoints) {
      this.#tell({ event: "saved", id, number: entry.checkpoint?.number ?? Infinity });
      return;
    }
    entry.leaving = true;
    this.#atOnce = true;
    this.#wake();
  }

  /** @param {{ id: number, claim: CheckedClaim }} command */
  async resume({ id, claim }) {
    try {
      this.#tell({ event: "found", id, ...(await this.#table.resume(claim, LOOKUP_MS)) });
    } catch (error) {
      if (isSchemaGone(error))
        this.#tell({ event: "found", id, held: true, val: null }); // nothing can have been saved
      else this.#tell({ event: "found", id, error: String(error) });
    }
  }

  /** The queue handed the job out again here: the earlier attempt is over. @param {{ id: number }} command */
  lose({ id }) {
    const entry = this.#entries.get(id);
    if (entry) entry.lost = true;
  }

  /** @param {{ id: number, outcome: string }} command */
  finish({ id, outcome }) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    const givenUp = entry.expired && !entry.lost && outcome === "failed";
    this.#end(entry, givenUp ? "abandoned" : outcome);
    this.#wake();
  }

  /** The process ends before this work has returned. @param {{ id: number }} command */
  abandon({ id }) {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    if (entry && !entry.lost && !entry.finished) this.#end(entry, "abandoned");
    this.#wake();
  }

  close() {
    this.#closing = true;
    this.#wake();
  }

  /** @param {{ id: number, jobId: string, attempt: number }} command */
  async find({ id, jobId, attempt }) {
    try {
      this.#tell({ event: "found", id, attemptedAt: await this.#table.findClaim(jobId, attempt, LOOKUP_MS) });
    } catch (error) {
      this.#tell({ event: "found", id, error: String(error) });
    }
  }

  /** Until `close`, and until the last claim's work has returned and its outcome was sent once. */
  async run() {
    for (let last = false; !last; ) {
      last = this.#isDone();
      const began = performance.now();
      try {
        await this.#tick();
      } catch (error) {
        this.#log("error", "riverbeat: bug in the heartbeat client; jobs continue", { error: String(error) }, "bug");
      }
      this.#tell({ event: "ticked", fence: this.#table.fence, stats: this.stats, failing: this.#failing });
      if (!last) await this.#pause(began);
    }
    clearTimeout(this.#leaseTimer);
    await this.#table.close();
  }

  #isDone() {
    return this.#closing && this.#entries.size === 0;
  }

  /** @param {Entry} entry @param {string} outcome */
  #end(entry, outcome) {
    if (outcome === "abandoned") this.stats.abandoned++;
    if (entry.named && this.#ends.length < MAX_ENDS) this.#ends.push({ claim: entry.claim, outcome });
  }

  #seconds() {
    let least = this.#interval;
    for (const { interval } of this.#entries.values()) least = Math.min(least, interval);
    return least;
  }

  /** @param {number} began @returns {Promise<void>} */
  #pause(began) {
    const share = 1 - JITTER * Math.random();
    return new Promise((resolve) => {
      /** @type {NodeJS.Timeout | undefined} */
      let timer;
      this.#wake = () => {
        clearTimeout(timer);
        const left = began + this.#seconds() * share * 1000 - performance.now();
        if (left <= 0 || this.#atOnce || this.#isDone()) {
          this.#wake = () => {};
          resolve();
        } else timer = setTimeout(this.#wake, left);
      };
      this.#wake();
    });
  }

  async #tick() {
    this.#atOnce = false;
    const limit = (this.#seconds() * 1000) / 2;
    const now = leaseClock();
    const entries = [...this.#entries.values()].filter((entry) => isDue(entry, now)).sort(inOrder);
    const fresh = entries.filter((entry) => !entry.named);
    const reports = entries.map((entry) => entry.reports);
    const table = this.#table;
    let sentAt = now;
    try {
      const statuses = await table.beat(entries.map(rowOf), limit, () => {
        sentAt = leaseClock();
        for (const entry of entries) entry.named = true; // its answer may get lost although the row exists
      });
      this.#succeeded(leaseClock() - sentAt);
      entries.forEach((entry, at) => this.#apply(entry, statuses.get(at + 1), reports[at] ?? 0, sentAt));
      if ([...statuses.keys()].some((ordinal) => !entries[ordinal - 1])) {
        this.#log("error", "riverbeat: a beat was answered for a claim that it did not name", {}, "unknown ordinal");
      }
      this.#failing = false;
      await this.#saveCheckpoints(
        entries.filter((_, at) => ["held", "stop"].includes(statuses.get(at + 1) ?? "")),
        limit,
      );
    } catch (error) {
      this.#failing = true;
      this.#failed(error, fresh);
      return;
    }
    await this.#sendEnds(limit);
    await this.#reportPod(limit);
  }

  /** In a transaction of their own: where it fails, the beat has not. @param {Entry[]} held @param {number} limit */
  async #saveCheckpoints(held, limit) {
    const unsaved = held.filter(isUnsaved);
    if (unsaved.length === 0) return;
    const sent = unsaved.map(({ checkpoint }) => /** @type {{ number: number, text: string }} */ (checkpoint));
    if (this.#table.lacksCheckpoints) {
      const fix = "riverkeeper schema install, and schema grants";
      this.#log(
        "warn",
        "riverbeat: checkpoints are not saved: the keeper schema has no table for them",
        { fix },
        "no table",
      );
    } else if (performance.now() >= this.#checkpointsFrom) {
      for (const entry of unsaved) entry.saved = null; // its answer may get lost although the value is saved
      try {
        await this.#table.checkpoint(
          unsaved.map(({ claim }, at) => ({ claim, ...sent[at] })),
          limit,
        );
        unsaved.forEach((entry, at) => {
          const { number, text } = sent[at] ?? { number: 0, text: "" };
          if (number > entry.inTransaction) entry.saved = text; // also where it was refused: that is for good
        });
        this.#logged.delete("checkpoint");
      } catch (error) {
        const reason = refusalReason(error);
        if (reason) this.#checkpointsFrom = performance.now() + REFUSED_MS;
        this.#log(
          "warn",
          "riverbeat: checkpoints were not saved; jobs continue",
          { reason, error: String(error) },
          "checkpoint",
        );
      }
    }
    unsaved.forEach((entry, at) => {
      entry.leaving = false;
      this.#tell({ event: "saved", id: entry.id, number: sent[at]?.number ?? 0 });
    });
  }

  /** @param {number} limit */
  async #sendEnds(limit) {
    const ends = [...this.#ends].sort(inOrder);
    if (ends.length === 0) return;
    try {
      await this.#table.end(ends, limit);
      this.#ends.splice(0, ends.length);
    } catch (error) {
      this.#failed(error, []);
    }
  }

  /**
   * Once, and once more after beats have failed: the row of this process may be another one by then. No beat fails by it, and a
   * failure is not tried again: each would cost the beats their connection.
   * @param {number} limit
   */
  async #reportPod(limit) {
    if (!this.#podDue) return;
    this.#podDue = false;
    try {
      await this.#table.reportPod(limit);
    } catch (error) {
      const fields = { reason: refusalReason(error), error: String(error) };
      this.#log("warn", "riverbeat: the pod of this process was not reported; beats continue", fields);
    }
  }

  /** @param {Entry} entry @param {string | undefined} status @param {number} reports @param {number} sentAt */
  #apply(entry, status, reports, sentAt) {
    const { cancel, beatsOn, renewsLease, known } = decide(status);
    if (!known)
      this.#log(
        "error",
        "riverbeat: a beat has no answer for a claim",
        { job_id: entry.claim.jobId, status },
        "missing",
      );
    if (renewsLease) {
      entry.lastBeat = sentAt;
      entry.acknowledged = reports;
    }
    if (!beatsOn && !cancel) entry.finished = true;
    if (cancel) this.#stop(entry, cancel);
  }

  /** @param {Entry} entry @param {Cause} cause */
  #stop(entry, cause) {
    if (!this.#entries.has(entry.id)) return; // the work has returned meanwhile
    const fields = { job_id: entry.claim.jobId, attempt: entry.claim.attempt };
    if (cause === "claim_lost" && !entry.lost) {
      entry.lost = true;
      this.stats.lost++;
      this.#log("warn", "riverbeat: claim lost; its work is cancelled", fields);
    } else if (cause === "lease_expired") {
      entry.expired = true;
      this.stats.leasesExpired++;
      this.#log("warn", "riverbeat: lease expired; the work is cancelled", fields);
    } else if (cause === "stop_requested" && !entry.stopped) {
      entry.stopped = true;
      this.stats.stopsRequested++;
      this.#log("warn", "riverbeat: Riverkeeper requests that a job stops; its work is cancelled", fields);
    } else return;
    this.#tell({ event: "stop", id: entry.id, cause });
  }

  /** @param {number} seconds */
  #succeeded(seconds) {
    this.stats.beats++;
    this.stats.lastBeatSeconds = seconds;
    if (this.#logged.size > 0) this.#log("info", "riverbeat: beats succeed again", {});
    this.#logged.clear();
  }

  /** A failure proves nothing about any claim. @param {unknown} error @param {Entry[]} fresh */
  #failed(error, fresh) {
    this.#podDue = true;
    const reason = refusalReason(error);
    const detail = { error: error instanceof Error ? error.message : String(error) };
    if (!reason) {
      this.stats.failures++;
      this.#log("warn", "riverbeat: beat failed; jobs continue, the next tick tries again", detail, "failed");
      return;
    }
    this.stats.refusals++;
    this.#log("error", "riverbeat: beats are refused; jobs continue without heartbeats", { reason, ...detail }, reason);
    for (const entry of fresh) entry.named = false; // nothing was written
    for (const entry of this.#entries.values()) entry.lastBeat = leaseClock(); // a refusal is an answer: it ends no lease
    if (this.#table.fence === null || isSchemaGone(error)) this.#table.fence = false;
  }

  #watchLeases() {
    clearTimeout(this.#leaseTimer);
    let wait = Infinity;
    for (const entry of this.#entries.values()) {
      if (entry.lease === null || entry.expired || entry.lost || entry.finished) continue;
      const left = entry.lastBeat + entry.lease - leaseClock();
      if (left <= 0) this.#stop(entry, "lease_expired");
      else wait = Math.min(wait, Math.max(left * 1000, LEAST_LEASE_CHECK_MS), LEASE_CHECK_MS);
    }
    if (wait < Infinity) this.#leaseTimer = setTimeout(() => this.#watchLeases(), wait);
  }

  /** @param {string} level @param {string} message @param {Record<string, unknown>} fields @param {string} [once] */
  #log(level, message, fields, once) {
    if (once !== undefined && this.#logged.has(once)) return;
    if (once !== undefined) this.#logged.add(once);
    this.#tell({ event: "log", level, message, fields });
  }
}

/** Claims that have just begun wait: each named claim makes a row. @param {Entry} entry @param {number} now */
function isDue(entry, now) {
  if (entry.lost || entry.finished) return false;
  return entry.named || entry.leaving || now - entry.began >= Math.min(entry.interval / 20, LONGEST_DELAY_SECONDS);
}

/** @param {Entry} entry */
function isUnsaved({ checkpoint, saved }) {
  return checkpoint !== null && checkpoint.text !== saved;
}

/** The order in which claims stand in a statement: two writers that keep it cannot wait for each other.
 * @param {{ claim: CheckedClaim }} a @param {{ claim: CheckedClaim }} b */
function inOrder({ claim: a }, { claim: b }) {
  const [one, other] = [BigInt(a.jobId), BigInt(b.jobId)];
  if (one !== other) return one < other ? -1 : 1;
  return a.attemptedAt < b.attemptedAt ? -1 : 1;
}

/** @param {Entry} entry @returns {import("./table.js").BeatRow} */
function rowOf({ claim, interval, lease, reports, acknowledged, progress, note }) {
  return { claim, interval, lease, reported: reports !== acknowledged, progress, note };
}
