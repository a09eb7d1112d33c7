// What the answer to a beat means for the work of a claim (the contract's table, clients/vectors/decisions.json). Pure.

/**
 * @typedef {object} Decision
 * @property {import("./errors.js").Cause | null} cancel
 * @property {boolean} beatsOn
 * @property {boolean} renewsLease
 * @property {boolean} known
 */

/** @type {Readonly<Record<string, Decision>>} */
const DECISIONS = {
  held: { cancel: null, beatsOn: true, renewsLease: true, known: true },
  stop: { cancel: "stop_requested", beatsOn: true, renewsLease: true, known: true },
  finished: { cancel: null, beatsOn: false, renewsLease: true, known: true },
  lost: { cancel: "claim_lost", beatsOn: false, renewsLease: false, known: true },
};
/** @type {Decision} */
const NO_ANSWER = { cancel: null, beatsOn: true, renewsLease: false, known: false };

/**
 * @param {string | undefined} status
 * @returns {Decision}
 */
export function decide(status) {
  return (status !== undefined && Object.hasOwn(DECISIONS, status) && DECISIONS[status]) || NO_ANSWER;
}
