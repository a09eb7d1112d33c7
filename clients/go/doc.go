// Package riverbeat lets a running River job prove that it is alive and moves, and stops the result of a lost claim
// from being written into the next attempt of the job.
//
// River users want the middleware in [github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware], which is one line
// in river.Config, and from here only [Progress]. The middleware is built on this package, which
// needs Postgres and the heartbeat contract (clients/CONTRACT.md), but not River.
//
// A [Beater] beats for one process. Each tick it sends one statement that names every active claim:
//
//	beater, err := riverbeat.New(riverbeat.Config{Database: pool.Config(), ClientID: "worker-1"})
//	beater.Start(ctx)
//	defer beater.Stop(context.Background())
//
//	work, ctx := beater.Begin(ctx, riverbeat.Claim{JobID: 7, Attempt: 1, AttemptedAt: "2026-11-23T08:14:24.887644Z"}, riverbeat.Standard)
//	err = run(ctx) // cancelled with ErrClaimLost, ErrLeaseExpired or ErrStopRequested as its cause
//	if work.Finish(riverbeat.Completed) {
//		// report the result to the queue
//	} // else: the claim is lost, and the result must not be written
//
// # What a beat proves
//
// That the process was alive and could reach the database. It does not prove that the job moves: only the job can
// report that, with [Progress]. Nothing here stops a job that ignores its context, and nothing outside the database can be
// fenced: check the claim with [Work.VerifyClaim] in the transaction that has the effect.
package riverbeat
