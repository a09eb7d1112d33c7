// The heartbeat table, over one connection that jobs do not use. After any failure the next statement gets a new one: a
// connection whose packets are lost would swallow every tick.

import pg from "pg";
import { Pipeline } from "./pipeline.js";
import { isMissingCharacter, isRetryable, judgeMeta, Refused } from "./refusals.js";
import { PIN, RIVER_SCHEMA, prepare } from "./statements.js";
import { arrayText, asciiNote, intervalText } from "./values.js";

const CHECK_MS = 45_000; // an answer of meta.sql holds so long: the contract wants one each minute
const CHECKPOINT_VERSION = 8; // of the keeper schema: the first with checkpoints
const LEAST_MS = 50; // for a statement, where opening the connection took nearly all the time

/**
 * @typedef {import("./values.js").CheckedClaim} CheckedClaim
 * @typedef {object} Process
 * @property {string} instance
 * @property {string} clientId
 * @property {string} software
 * @property {string} startedAt
 * @property {number} interval seconds
 * @property {readonly string[] | null} kinds
 * @property {string} riverSchema "" for what the search_path finds
 * @property {string} keeperSchema
 * @property {"token" | "native" | "none"} fence
 * @property {import("./pod.js").Pod | null} pod null: the environment names none
 * @typedef {object} BeatRow
 * @property {CheckedClaim} claim
 * @property {number} interval
 * @property {number | null} lease
 * @property {boolean} reported
 * @property {number | null} progress
 * @property {string | null} note
 * @typedef {"meta" | "beat" | "end" | "claim" | "checkpoint" | "resume" | "pod"} StatementName
 * @typedef {{ river: string, keeper: string } & Record<StatementName, import("./statements.js").Prepared>} Statements
 */

export class HeartbeatTable {
  /** @type {pg.Client | null} */
  #client = null;
  /** @type {Statements | null} */
  #statements = null;
  #checkedAt = -Infinity;
  #asciiNotes = false;
  /** @type {Promise<unknown>} */
  #free = Promise.resolve();
  #config;
  #process;

  /**
   * @param {pg.ClientConfig} config
   * @param {Process} process
   */
  constructor(config, process) {
    this.#config = config;
    this.#process = process;
    /** Whether the fence is in force; null until the database has answered. @type {boolean | null} */
    this.fence = null;
    /** The keeper schema is known to have no table of checkpoints. */
    this.lacksCheckpoints = false;
    /** Called before the beat that reports it: a result of that moment must not lack its token. @type {() => void} */
    this.onFence = () => {};
  }

  /**
   * The status of each claim, by its place in the order given, from 1. Rejects where the statement failed: then no status is known.
   * @param {ReadonlyArray<BeatRow>} rows
   * @param {number} limit milliseconds
   * @param {() => void} onSend called before the statement is sent
   * @returns {Promise<Map<number, string>>}
   */
  beat(rows, limit, onSend) {
    return this.#use(limit, true, async (query) => {
      onSend();
      let answers;
      try {
        answers = await query("beat", this.#beatValues(rows));
      } catch (error) {
        if (isMissingCharacter(error) && !this.#asciiNotes) this.#asciiNotes = true;
        else if (!isRetryable(error)) throw error;
        answers = await query("beat", this.#beatValues(rows));
      }
      return new Map(answers.map(([ordinal, status]) => [Number(ordinal), String(status)]));
    });
  }

  /**
   * Report how claims ended.
   * @param {ReadonlyArray<{ claim: CheckedClaim, outcome: string }>} ends
   * @param {number} limit milliseconds
   */
  end(ends, limit) {
    const values = {
      job_ids: arrayText(ends.map(({ claim }) => claim.jobId)),
      attempted_ats: arrayText(ends.map(({ claim }) => claim.attemptedAt)),
      outcomes: arrayText(ends.map(({ outcome }) => outcome)),
    };
    return this.#use(limit, true, (query) => query("end", values));
  }

  /**
   * Write the pod into the row of this process, where its environment names one.
   * @param {number} limit milliseconds
   */
  async reportPod(limit) {
    const { instance, pod } = this.#process;
    if (pod) await this.#use(limit, true, (query) => query("pod", { instance, ...pod }));
  }

  /**
   * Save the newest checkpoints of these claims.
   * @param {ReadonlyArray<{ claim: CheckedClaim, number?: number, text?: string }>} rows
   * @param {number} limit milliseconds
   */
  checkpoint(rows, limit) {
    const values = {
      job_ids: arrayText(rows.map(({ claim }) => claim.jobId)),
      attempted_ats: arrayText(rows.map(({ claim }) => claim.attemptedAt)),
      attempts: arrayText(rows.map(({ claim }) => claim.attempt)),
      numbers: arrayText(rows.map(({ number }) => number ?? null)),
      vals: arrayText(rows.map(({ text }) => text ?? null)),
    };
    return this.#use(limit, true, (query) => query("checkpoint", values));
  }

  /**
   * The job's newest checkpoint, as JSON; `held` is false where the claim is lost.
   * @param {CheckedClaim} claim
   * @param {number} limit milliseconds
   * @returns {Promise<{ held: boolean, val: string | null }>}
   */
  async resume({ jobId, attempt, attemptedAt }, limit) {
    const values = { job_id: jobId, attempt: String(attempt), attempted_at: attemptedAt };
    const rows = await this.#use(limit, true, async (query) =>
      this.lacksCheckpoints ? [[null]] : await query("resume", values),
    );
    return { held: rows.length > 0, val: rows[0]?.[0] ?? null };
  }

  /**
   * `attempted_at` of the claim that this client holds on the job; null where it holds none.
   * @param {string} jobId
   * @param {number} attempt
   * @param {number} limit milliseconds
   * @returns {Promise<string | null>}
   */
  async findClaim(jobId, attempt, limit) {
    const values = { job_id: jobId, attempt: String(attempt), client_id: this.#process.clientId };
    const rows = await this.#use(limit, false, (query) => query("claim", values));
    return rows[0]?.[0] ?? null;
  }

  close() {
    return this.#use(0, false, async () => {}, true);
  }

  /**
   * Lends the connection to one at a time.
   * @template T
   * @param {number} limit
   * @param {boolean} check whether meta.sql must have said yes
   * @param {(query: (name: StatementName, values: Record<string, string | null>) => Promise<ReadonlyArray<import("./pipeline.js").Row>>) => Promise<T>} work
   * @param {boolean} [closing]
   * @returns {Promise<T>}
   */
  #use(limit, check, work, closing = false) {
    const turn = this.#free.then(async () => {
      const deadline = performance.now() + limit;
      try {
        if (closing) {
          this.#drop();
          return await work(async () => []);
        }
        const client = await this.#connected(limit);
        const statements = (this.#statements ??= await this.#prepared(client, deadline));
        /** @param {StatementName} name @param {Record<string, string | null>} values */
        const query = (name, values) => send(client, statements[name], values, deadline);
        if (check && performance.now() - this.#checkedAt > CHECK_MS) {
          this.#checkMeta((await query("meta", {}))[0], statements);
          this.#checkedAt = performance.now();
        }
        return await work(query);
      } catch (error) {
        this.#drop();
        throw error;
      }
    });
    this.#free = turn.catch(() => {});
    return turn;
  }

  /** @param {number} limit */
  async #connected(limit) {
    if (this.#client) return this.#client;
    const client = new pg.Client({ ...this.#config, connectionTimeoutMillis: Math.max(limit, LEAST_MS) });
    client.on("error", () => this.#client === client && this.#drop()); // the next statement says what is wrong
    await client.connect();
    this.#checkedAt = -Infinity;
    this.#client = client;
    return client;
  }

  #drop() {
    const client = /** @type {any} */ (this.#client);
    this.#client = this.#statements = null;
    this.#checkedAt = -Infinity;
    client?.connection.stream.destroy(); // end() would wait for a server that may not be there
  }

  /**
   * @param {pg.Client} client
   * @param {number} deadline
   * @returns {Promise<Statements>}
   */
  async #prepared(client, deadline) {
    const { riverSchema, keeperSchema } = this.#process;
    const found = riverSchema || (await sendAll(client, [{ text: RIVER_SCHEMA, values: [] }], deadline))[0]?.[0]?.[0];
    if (!found) throw new Refused("the search_path finds no table river_job: set riverSchema");
    /** @param {string} name */
    const prepared = (name) => prepare(name, found, keeperSchema);
    return {
      river: found,
      keeper: keeperSchema,
      meta: prepared("meta"),
      beat: prepared("beat"),
      end: prepared("end"),
      claim: prepared("claim"),
      checkpoint: prepared("checkpoint"),
      resume: prepared("resume"),
      pod: prepared("pod"),
    };
  }

  /**
   * Throws Refused where this client must not beat.
   * @param {import("./pipeline.js").Row | undefined} row
   * @param {Statements} statements
   */
  #checkMeta(row, { river, keeper }) {
    const [serves, version, oldest, fence] = row ?? [];
    const meta = row && {
      river_schema: String(serves),
      version: Number(version),
      min_compatible: Number(oldest),
      fence: fence === "t",
    };
    const judged = judgeMeta(meta ?? null, river, keeper);
    this.fence = judged.fence ?? this.fence; // also where the version does not fit: results are fenced all the same
    this.onFence();
    this.lacksCheckpoints = meta !== undefined && meta.version < CHECKPOINT_VERSION;
    if (judged.refusal) throw new Refused(judged.refusal);
  }

  /** @param {ReadonlyArray<BeatRow>} rows @returns {Record<string, string | null>} */
  #beatValues(rows) {
    const process = this.#process;
    return {
      instance: process.instance,
      client_id: process.clientId,
      software: process.software,
      started_at: process.startedAt,
      fences: String(process.fence === "native" || (process.fence === "token" && this.fence === true)),
      client_interval: intervalText(process.interval),
      kinds: process.kinds && arrayText(process.kinds),
      job_ids: arrayText(rows.map(({ claim }) => claim.jobId)),
      attempted_ats: arrayText(rows.map(({ claim }) => claim.attemptedAt)),
      attempts: arrayText(rows.map(({ claim }) => claim.attempt)),
      intervals: arrayText(rows.map(({ interval }) => intervalText(interval))),
      leases: arrayText(rows.map(({ lease }) => intervalText(lease))),
      progress_reported: arrayText(rows.map(({ reported }) => reported)),
      progress: arrayText(rows.map(({ progress }) => progress)),
      notes: arrayText(rows.map(({ note }) => (note !== null && this.#asciiNotes ? asciiNote(note) : note))),
    };
  }
}

/**
 * One statement under the pin.
 * @param {pg.Client} client
 * @param {import("./statements.js").Prepared} statement
 * @param {Record<string, string | null>} values
 * @param {number} deadline
 */
async function send(client, { text, names }, values, deadline) {
  const left = Math.ceil(Math.max(deadline - performance.now(), LEAST_MS));
  const ordered = names.map((name) => /** @type {string | null} */ (values[name]));
  const [, rows] = await sendAll(
    client,
    [
      { text: PIN, values: [String(left)] },
      { text, values: ordered },
    ],
    deadline,
  );
  return rows ?? [];
}

/**
 * @param {pg.Client} client
 * @param {ReadonlyArray<import("./pipeline.js").Statement>} statements
 * @param {number} deadline
 */
async function sendAll(client, statements, deadline) {
  const pipeline = new Pipeline(statements);
  const left = Math.max(deadline - performance.now(), LEAST_MS);
  const timer = setTimeout(() => pipeline.reject(new Error(`no answer within ${Math.round(left)} ms`)), left);
  try {
    client.query(/** @type {any} */ (pipeline));
    return await pipeline.results;
  } finally {
    clearTimeout(timer);
  }
}
