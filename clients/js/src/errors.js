// Why a job must stop: the `reason` of its signal. A subclass of WorkMustStop names the cause.

/** The work of a claim has to end now. */
export class WorkMustStop extends Error {
  /** @override */
  name = "WorkMustStop";
}

/** Another process decided that this attempt is over. With the fence in force its result is not written. */
export class ClaimLost extends WorkMustStop {
  /** @override */
  name = "ClaimLost";
}

/** No beat succeeded for as long as the lease: another process may hold the claim now. */
export class LeaseExpired extends WorkMustStop {
  /** @override */
  name = "LeaseExpired";
}

/** Riverkeeper found the job hung and requests that it stops. A failure is an ordinary result. */
export class StopRequested extends WorkMustStop {
  /** @override */
  name = "StopRequested";
}

/** The beats of this process have stopped before the work had returned: nothing protects the work any more. */
export class BeatsStopped extends WorkMustStop {
  /** @override */
  name = "BeatsStopped";
}

/** @typedef {"claim_lost" | "lease_expired" | "stop_requested" | "beats_stopped"} Cause */

/**
 * @param {Cause} cause
 * @param {string} jobId
 * @returns {WorkMustStop}
 */
export function errorOf(cause, jobId) {
  switch (cause) {
    case "claim_lost":
      return new ClaimLost(`this process lost the claim on job ${jobId}`);
    case "lease_expired":
      return new LeaseExpired(`no beat of job ${jobId} succeeded for as long as its lease`);
    case "stop_requested":
      return new StopRequested(`Riverkeeper found job ${jobId} hung and requests that it stops`);
    case "beats_stopped":
      return new BeatsStopped(`the heartbeats of this process have stopped while job ${jobId} was at work`);
  }
}
