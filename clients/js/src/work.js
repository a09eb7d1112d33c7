// One claim at work in this process, in the thread of the job.

import { AsyncLocalStorage } from "node:async_hooks";
import { ClaimLost, errorOf } from "./errors.js";
import { encodeCheckpoint } from "./values.js";

const LAST_CHECKPOINT_MS = 1000; // at most, that the result of a failed job waits until its newest checkpoint is saved
const PROGRESS_MS = 50; // between two messages to the thread that beats: a job may report a million times a second

/** @type {AsyncLocalStorage<Work>} */
export const current = new AsyncLocalStorage();

/**
 * Report how far the running job is, from 0 to 1, and where: anywhere below `run` or `wrap`. It is sent with the next beat.
 * Only progress shows that a job moves; the same number reported again counts too. Outside of a job nothing happens.
 * @param {number | null} value
 * @param {string} [note] at most 1 kB
 */
export function progress(value, note) {
  current.getStore()?.progress(value, note);
}

/**
 * Throws the reason if the running job must stop: for a loop that never lets go of the event loop, whose signal cannot fire.
 */
export function check() {
  current.getStore()?.check();
}

/**
 * The running job's work; undefined outside of `run` and `wrap`.
 * @returns {Work | undefined}
 */
export function currentWork() {
  return current.getStore();
}

/**
 * What a Work needs of its Beats.
 * @typedef {object} Home
 * @property {(command: Record<string, unknown>) => void} post
 * @property {() => void} drain takes in at once what the thread has reported
 * @property {(work: Work) => boolean} fenced
 * @property {() => boolean} failing whether the last beat failed
 * @property {() => { riverSchema: string, keeperSchema: string }} schemas
 * @property {(claim: import("./values.js").CheckedClaim) => Promise<{ held: boolean, val: string | null }>} resume
 * @property {(work: Work) => void} returned
 */

/** From `begin` to `finish`. */
export class Work {
  #controller = new AbortController();
  #home;
  #over = false;
  #sentAt = -Infinity;
  /** @type {NodeJS.Timeout | null} */
  #timer = null;
  /** @type {[unknown, unknown]} */
  #report = [null, null];
  /** @type {() => void} */
  #return = () => {};
  #checkpoints = 0; // so far
  #newest = 0; // number of the newest that a beat has to save; 0: none
  #saved = 0; // number of the newest that was sent
  /** @type {() => void} */
  #onSaved = () => {};

  /**
   * @param {number} id
   * @param {import("./values.js").CheckedClaim | null} claim null for work that does not beat
   * @param {Home} home
   */
  constructor(id, claim, home) {
    /** @internal */
    this.id = id;
    this.claim = claim;
    /** Known to be over: its result is late. */
    this.lost = false;
    this.#home = home;
    /** @internal @type {Promise<void>} */
    this.hasReturned = new Promise((resolve) => (this.#return = resolve));
  }

  /** Aborted when the work must stop; its `reason` is ClaimLost, LeaseExpired, StopRequested or BeatsStopped. */
  get signal() {
    return this.#controller.signal;
  }

  /**
   * The fencing token: attach it to the result, under TOKEN_KEY, for every outcome. null: no fence is in force.
   * @returns {string | null}
   */
  get token() {
    this.#home.drain();
    return this.claim && this.#home.fenced(this) ? this.claim.attemptedAt : null;
  }

  /**
   * Report progress of this work; see the function of the same name.
   * @param {number | null} value
   * @param {string} [note]
   */
  progress(value, note) {
    if (this.#over || this.claim === null) return;
    this.#report = [value, note];
    const wait = this.#sentAt + PROGRESS_MS - performance.now();
    if (wait <= 0) this.#sendProgress();
    else this.#timer ??= setTimeout(() => this.#sendProgress(), wait).unref();
  }

  /**
   * Save where this work is; see the function of the same name.
   * @param {unknown} value
   */
  checkpoint(value) {
    const text = encodeCheckpoint(value);
    if (this.#over || this.claim === null) return;
    if (this.lost) throw new ClaimLost(`this process lost the claim on job ${this.claim.jobId}`);
    this.#newest = ++this.#checkpoints;
    this.#home.post({ do: "checkpoint", id: this.id, number: this.#newest, text });
  }

  /**
   * The newest checkpoint of this job; see the function of the same name.
   * @returns {Promise<any>}
   */
  async resume() {
    if (this.claim === null) return undefined;
    const { held, val } = await this.#home.resume(this.claim);
    if (!held) throw new ClaimLost(`this process lost the claim on job ${this.claim.jobId}`);
    return val === null ? undefined : JSON.parse(val);
  }

  /**
   * Wait until the newest checkpoint is saved. Await it when the work has failed or snoozed, before its result is written:
   * afterwards the job does not run under the claim. `run` and `wrap` do it. It takes a second at most, and no time where
   * nothing is left to save, or where the last beat failed.
   * @returns {Promise<void>}
   */
  async saveCheckpoint() {
    this.#home.drain();
    if (this.#over || this.lost || this.claim === null || this.#newest <= this.#saved || this.#home.failing()) return;
    this.#home.post({ do: "save", id: this.id });
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    await new Promise((/** @type {(value: void) => void} */ resolve) => {
      this.#onSaved = () => this.#newest <= this.#saved && resolve();
      timer = setTimeout(resolve, LAST_CHECKPOINT_MS);
    });
    clearTimeout(timer);
  }

  /** @internal a beat has brought the checkpoint of this number @param {number} number */
  saved(number) {
    this.#saved = Math.max(this.#saved, number);
    this.#onSaved();
  }

  /** @internal a transaction of the job saves the next one */
  replaceCheckpoint() {
    const number = ++this.#checkpoints;
    this.#newest = 0;
    this.#home.post({ do: "checkpoint", id: this.id, number, text: null });
    return { ...this.#home.schemas(), number };
  }

  /** Throws the reason if the work must stop; see the function of the same name. */
  check() {
    this.#home.drain();
    this.signal.throwIfAborted();
  }

  /**
   * Record that the work has returned, and how it ended. Returns at once; the next beat reports it.
   * @param {"completed" | "failed" | "snoozed" | "cancelled"} outcome
   * @returns {boolean} false: the claim is known to be lost. Do not write the result if you can prevent that.
   */
  finish(outcome) {
    if (this.#over) return !this.lost;
    this.#home.drain();
    if (this.#timer) this.#sendProgress();
    this.#over = true;
    if (this.claim) this.#home.post({ do: "finish", id: this.id, outcome });
    this.#return();
    this.#home.returned(this);
    return !this.lost;
  }

  /** @internal @param {import("./errors.js").Cause} cause */
  stop(cause) {
    if (cause === "claim_lost") this.lost = true;
    if (!this.#over && !this.signal.aborted)
      this.#controller.abort(errorOf(cause, this.claim?.jobId ?? "of another client"));
  }

  #sendProgress() {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#sentAt = performance.now();
    const [value, note] = this.#report;
    const text = typeof note === "string" ? note : null;
    this.#home.post({ do: "progress", id: this.id, value: typeof value === "number" ? value : null, note: text });
  }
}
