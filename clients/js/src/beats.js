// The heartbeat of one process, as its jobs see it. A thread of its own beats (thread.js).

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { leaseClock } from "./clock.js";
import { readPod } from "./pod.js";
import { wrapHandler } from "./river.js";
import { NO_STATS } from "./ticker.js";
import { attemptedAtText, checkedJob } from "./values.js";
import { current, Work } from "./work.js";

const { version: VERSION } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const GUARDED_BY_RIVER = "riverbeat-js"; // Riverkeeper counts a client of this name as fenced, without token and trigger
const SHORTEST_SECONDS = 0.1; // below it the beats themselves would be the load
const LEASE_INTERVALS = 2.5; // one beat may fail, and the next be slow
const FIRST_ANSWER_MS = 1000; // the first work of a process waits so long for an answer
const RESTART_MS = 1000; // after a crash of the thread
const LAST_TICK_MS = 1000; // for the last beat and the outcomes, beside the limit of a statement
const CONNECTION_KEYS = /** @type {const} */ ([
  "connectionString",
  "host",
  "port",
  "user",
  "database",
  "password",
  "ssl",
  "options",
  "keepAlive",
]);

const NO_CLAIM = { jobId: "", attempt: 0, attemptedAt: "" }; // this client does not hold the job

/**
 * How often a claim beats, and how long its work continues without a successful beat.
 * @typedef {object} Tier
 * @property {number} [intervalSeconds] default: that of the process
 * @property {number | null} [leaseSeconds] default null: no failed beat ever cancels the work
 *
 * A connection as `pg` describes it.
 * @typedef {object} ConnectionOptions
 * @property {string} [connectionString]
 * @property {string} [host]
 * @property {number} [port]
 * @property {string} [user]
 * @property {string} [database]
 * @property {string | (() => string | Promise<string>)} [password]
 * @property {any} [ssl] no functions: a thread cannot be given any
 * @property {string} [options]
 * @property {boolean} [keepAlive]
 *
 * @typedef {object} BeatsOptions
 * @property {string | ConnectionOptions} connection as for `pg`; `pool.options` will do. The beats open one of their own
 * @property {string} clientId the id under which this process claims jobs: the last element of attempted_by
 * @property {string} [riverSchema] where River's tables are; default: where the search_path finds them
 * @property {string} [keeperSchema] default "riverkeeper", or "<riverSchema>_riverkeeper"
 * @property {number} [intervalSeconds] default 10
 * @property {readonly string[]} [kinds] job kinds that this process beats for; default: all
 * @property {"token" | "native" | "none"} [fence] how a late result is kept out of the next attempt. "token": your code attaches
 *   `work.token` to every result. "native": the queue's library compares the attempt itself, as River for JavaScript does.
 *   Default "none"
 * @property {number} [reclaimSeconds] how long a second attempt of a job here waits for the first to return; default 10
 * @property {Pick<Console, "info" | "warn" | "error">} [logger] receives each kind of failure once; default console
 */

/** `new Beats(options)` beats at once, also before the first job. */
export class Beats {
  /** @type {Map<number, Work>} */
  #works = new Map();
  /** @type {Map<string, Work>} */
  #newest = new Map(); // by job id, to find an earlier attempt in this process
  /** @type {Map<number, (found: any) => void>} */
  #lookups = new Map();
  /** @type {boolean | null} */
  #inForce = null;
  #stats = { ...NO_STATS };
  #nextId = 1;
  #closing = false;
  /** @type {() => void} */
  #answer = () => {};
  #answered;
  #hasAnswered = false;
  #failing = false; // the last beat
  /** @type {() => void} */
  #close = () => {};
  #closed;
  /** @type {Worker} */
  #thread;
  /** @type {import("node:worker_threads").MessagePort} */
  #port;
  /** @type {Set<string>} */
  #warned = new Set();
  #options;
  #pod = readPod();
  #home;

  /** @param {BeatsOptions} options */
  constructor(options) {
    this.#options = checkedOptions(options);
    this.instance = randomUUID();
    this.#answered = new Promise((/** @type {(value: void) => void} */ resolve) => (this.#answer = resolve));
    this.#closed = new Promise((/** @type {(value: void) => void} */ resolve) => (this.#close = resolve));
    this.#home = {
      post: (/** @type {any} */ command) => {
        if (command.do === "checkpoint") this.#checkpoints.set(command.id, command);
        this.#port.postMessage(command);
      },
      drain: () => this.#drain(),
      fenced: () => this.#options.fence !== "none" && this.#inForce !== false,
      returned: (/** @type {Work} */ work) => this.#forget(work),
      failing: () => this.#failing,
      schemas: () => ({ riverSchema: this.#options.riverSchema, keeperSchema: this.#options.keeperSchema }),
      resume: (/** @type {import("./values.js").CheckedClaim} */ claim) => this.#resume(claim),
    };
    this.#startedAt = new Date().toISOString();
    [this.#thread, this.#port] = this.#start();
  }

  #startedAt;

  get clientId() {
    return this.#options.clientId;
  }

  /** Counts of this moment, and whether results are fenced. */
  stats() {
    this.#drain();
    const { fence } = this.#options;
    const fenced = fence === "native" || (fence === "token" && this.#inForce === true);
    return { ...this.#stats, working: this.#works.size, fenced };
  }

  /**
   * A handler for River's `Workers` that beats while the given one works. Its `signal` aborts when River or Riverkeeper
   * stops the job.
   * @template {import("./river.js").RiverContext} Context
   * @template Result
   * @param {(context: Context) => Result | Promise<Result>} handler
   * @param {Tier | ((job: Context["job"]) => Tier)} [tier]
   * @returns {(context: Context) => Promise<Result>}
   */
  wrap(handler, tier = {}) {
    return wrapHandler(this, handler, tier);
  }

  /**
   * Work on a claim: the outcome is "completed", or "failed" where the function throws.
   * @template Result
   * @param {import("./values.js").Claim} claim
   * @param {(work: Work) => Promise<Result>} perform
   * @param {Tier} [tier]
   * @returns {Promise<Result>}
   */
  async run(claim, perform, tier) {
    const work = await this.begin(claim, tier);
    try {
      work.check();
      const result = await current.run(work, () => perform(work));
      work.finish("completed");
      return result;
    } catch (error) {
      await work.saveCheckpoint();
      work.finish("failed");
      throw error;
    }
  }

  /**
   * Begin the work of a claim. `finish` must follow. An earlier attempt of the job that is at work here is stopped, and waited
   * for. Never rejects: work whose claim cannot be read goes on without heartbeats. Work on a job that this client does not
   * hold is stopped already.
   * @param {import("./values.js").Claim} claim
   * @param {Tier} [tier]
   * @returns {Promise<Work>}
   */
  async begin(claim, tier = {}) {
    const checked = await this.#checked(claim);
    const beats = checked && checked !== NO_CLAIM && !this.#closing && !this.#isActive(checked);
    const work = new Work(this.#nextId++, beats ? checked : null, this.#home);
    if (checked === NO_CLAIM) work.stop("claim_lost");
    if (work.claim) await this.#register(work, work.claim, this.#seconds(tier));
    if (!this.#hasAnswered && this.#options.fence !== "none") await within(this.#answered, FIRST_ANSWER_MS);
    return work;
  }

  /**
   * Stop beating once no work is left. Work that is left after `waitSeconds` is stopped with BeatsStopped, and reported as
   * abandoned. Call it after River's client has stopped.
   * @param {{ waitSeconds?: number }} [options]
   */
  async close({ waitSeconds = Infinity } = {}) {
    this.#closing = true;
    const left = Promise.all([...this.#works.values()].map((work) => work.hasReturned));
    if (waitSeconds < Infinity) await within(left, waitSeconds * 1000);
    else await left;
    for (const work of this.#works.values()) {
      this.#port.postMessage({ do: "abandon", id: work.id });
      work.stop("beats_stopped");
    }
    this.#port.postMessage({ do: "close" });
    await within(this.#closed, this.#options.intervalSeconds * 1000 + LAST_TICK_MS);
    await this.#thread.terminate();
  }

  /**
   * @param {import("./values.js").Claim} claim
   * @returns {Promise<import("./values.js").CheckedClaim | null>} null where it is not known
   */
  async #checked(claim) {
    try {
      const job = checkedJob(claim.jobId, claim.attempt);
      if (!(claim.attemptedAt instanceof Date)) return { ...job, attemptedAt: attemptedAtText(claim.attemptedAt) };
      const found = await this.#find(job);
      if (found.error) throw new Error(found.error);
      return found.attemptedAt ? { ...job, attemptedAt: found.attemptedAt } : NO_CLAIM;
    } catch (error) {
      this.#warnOnce("riverbeat: a job runs without heartbeats", { job_id: String(claim.jobId), error: String(error) });
      return null;
    }
  }

  /** @param {{ jobId: string, attempt: number }} job @returns {Promise<{ attemptedAt?: string | null, error?: string }>} */
  #find(job) {
    return this.#lookUp({ do: "find", ...job });
  }

  /** @param {import("./values.js").CheckedClaim} claim @returns {Promise<{ held: boolean, val: string | null }>} */
  async #resume(claim) {
    const found = await this.#lookUp({ do: "resume", claim });
    if (found.error) throw new Error(`riverbeat: the checkpoint could not be read: ${found.error}`);
    return found;
  }

  /** What the thread reads in the database. @param {Record<string, unknown>} command @returns {Promise<any>} */
  #lookUp(command) {
    const id = this.#nextId++;
    if (this.#ended) return Promise.resolve({ error: "the beats of this process have stopped" });
    return new Promise((resolve) => {
      this.#lookups.set(id, resolve);
      this.#port.ref(); // until the answer is there
      this.#port.postMessage({ ...command, id });
    });
  }

  /** Begun twice, as by two wrappers: the outer one counts. @param {import("./values.js").CheckedClaim} claim */
  #isActive(claim) {
    return this.#newest.get(claim.jobId)?.claim?.attemptedAt === claim.attemptedAt;
  }

  /**
   * @param {Work} work
   * @param {import("./values.js").CheckedClaim} claim
   * @param {{ interval: number, lease: number | null }} seconds
   */
  async #register(work, claim, seconds) {
    const earlier = this.#newest.get(claim.jobId);
    this.#works.set(work.id, work);
    this.#newest.set(claim.jobId, work);
    this.#postBegin(work, claim, seconds);
    if (!earlier) return;
    this.#options.logger.warn(
      "riverbeat: job claimed again while an earlier attempt is active; that one is cancelled",
      {
        job_id: claim.jobId,
      },
    );
    this.#port.postMessage({ do: "lose", id: earlier.id });
    earlier.stop("claim_lost");
    await within(earlier.hasReturned, this.#options.reclaimSeconds * 1000);
  }

  /** @param {Work} work @param {import("./values.js").CheckedClaim} claim @param {{ interval: number, lease: number | null }} seconds */
  #postBegin(work, claim, seconds) {
    const command = { do: "begin", id: work.id, claim, ...seconds, at: leaseClock() };
    this.#commands.set(work.id, command);
    this.#port.postMessage(command);
  }

  /** @type {Map<number, Record<string, unknown>>} */
  #commands = new Map(); // of work that has begun, for a thread that has to start again
  /** @type {Map<number, Record<string, unknown>>} */
  #checkpoints = new Map(); // the newest of each, for the same
  #ended = false; // no thread answers any more

  /** @param {Tier} tier */
  #seconds({ intervalSeconds, leaseSeconds = null }) {
    const interval = Math.max(intervalSeconds ?? this.#options.intervalSeconds, SHORTEST_SECONDS);
    const least = LEASE_INTERVALS * interval;
    if (leaseSeconds !== null && leaseSeconds < least) {
      this.#warnOnce("riverbeat: a lease must be 2.5 intervals or more; lengthened", { lease: leaseSeconds, least });
    }
    return { interval, lease: leaseSeconds === null ? null : Math.max(leaseSeconds, least) };
  }

  /** @param {Work} work */
  #forget(work) {
    this.#works.delete(work.id);
    this.#commands.delete(work.id);
    this.#checkpoints.delete(work.id);
    if (work.claim && this.#newest.get(work.claim.jobId) === work) this.#newest.delete(work.claim.jobId);
  }

  /** @returns {[Worker, import("node:worker_threads").MessagePort]} */
  #start() {
    const { port1: port, port2 } = new MessageChannel();
    const { config, password } = this.#options;
    const thread = new Worker(new URL("./thread.js", import.meta.url), {
      name: "riverbeat",
      execArgv: [], // nothing of the program's own is loaded there
      workerData: { port: port2, config, process: this.#process(), asksPassword: password !== undefined },
      transferList: [port2],
    });
    thread.unref(); // a program that has nothing left to do may end
    port.on("message", (event) => this.#hear(event));
    port.unref();
    thread.on("error", (error) =>
      this.#options.logger.error("riverbeat: the thread that beats has crashed", { error }),
    );
    thread.on("exit", () => this.#restart(thread));
    return [thread, port];
  }

  /** @returns {import("./table.js").Process} */
  #process() {
    const { clientId, intervalSeconds: interval, kinds, riverSchema, keeperSchema, fence } = this.#options;
    const { instance } = this;
    return {
      instance,
      clientId,
      software: `${fence === "native" ? GUARDED_BY_RIVER : "riverbeat-node"}/${VERSION}`,
      startedAt: this.#startedAt,
      interval,
      kinds,
      riverSchema,
      keeperSchema,
      fence,
      pod: this.#pod,
    };
  }

  /** Without the thread every job of the process would look dead. @param {Worker} thread */
  #restart(thread) {
    this.#close();
    for (const answer of this.#lookups.values()) answer({ error: "the thread that beats has ended" });
    this.#lookups.clear();
    this.#ended = this.#closing;
    if (this.#closing || thread !== this.#thread) return;
    setTimeout(() => {
      if (this.#closing) return;
      [this.#thread, this.#port] = this.#start();
      for (const command of this.#commands.values()) this.#port.postMessage({ ...command, at: leaseClock() });
      for (const command of this.#checkpoints.values()) this.#port.postMessage(command);
    }, RESTART_MS).unref();
  }

  #drain() {
    for (let message; (message = receiveMessageOnPort(this.#port)); ) this.#hear(message.message);
  }

  /** @param {any} event */
  #hear(event) {
    switch (event.event) {
      case "stop":
        return this.#works.get(event.id)?.stop(event.cause);
      case "fence":
        this.#inForce = event.fence;
        return;
      case "ticked":
        this.#inForce = event.fence;
        this.#stats = event.stats;
        this.#failing = event.failing;
        this.#hasAnswered = true;
        return this.#answer();
      case "saved":
        return this.#works.get(event.id)?.saved(event.number);
      case "log":
        return this.#options.logger[/** @type {"info" | "warn" | "error"} */ (event.level)](
          event.message,
          event.fields,
        );
      case "found":
        this.#lookups.get(event.id)?.(event);
        this.#lookups.delete(event.id);
        if (this.#lookups.size === 0) this.#port.unref();
        return;
      case "password":
        return void this.#sendPassword();
      case "closed":
        return this.#close();
    }
  }

  async #sendPassword() {
    try {
      this.#port.postMessage({ do: "password", password: await this.#options.password?.() });
    } catch (error) {
      this.#port.postMessage({ do: "password", error: String(error) });
    }
  }

  /** @param {string} message @param {Record<string, unknown>} fields */
  #warnOnce(message, fields) {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#options.logger.warn(message, fields);
  }
}

/** Nothing left out, and nothing that a thread cannot be given. @param {BeatsOptions} options */
function checkedOptions(options) {
  const { connection, clientId, riverSchema = "", intervalSeconds = 10, reclaimSeconds = 10 } = options;
  if (!connection) throw new TypeError("riverbeat: connection is missing");
  if (!clientId) throw new TypeError("riverbeat: clientId is missing");
  if (!(intervalSeconds > 0) || !(reclaimSeconds >= 0)) throw new RangeError("riverbeat: a duration must be above 0");
  const given = typeof connection === "string" ? { connectionString: connection } : connection;
  const config = Object.fromEntries(
    CONNECTION_KEYS.map((key) => [key, given[key]]).filter(([, value]) => value != null),
  );
  const password = typeof given.password === "function" ? given.password : undefined;
  if (password) delete config.password;
  return {
    clientId,
    riverSchema,
    keeperSchema: options.keeperSchema || (riverSchema ? `${riverSchema}_riverkeeper` : "riverkeeper"),
    intervalSeconds: Math.max(intervalSeconds, SHORTEST_SECONDS),
    reclaimSeconds,
    kinds: options.kinds ?? null,
    fence: options.fence ?? "none",
    logger: options.logger ?? console,
    config: { ...config, application_name: "riverbeat" },
    password,
  };
}

/** Until the promise is settled or the time is over. @param {Promise<unknown>} promise @param {number} ms */
async function within(promise, ms) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  await Promise.race([promise, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
