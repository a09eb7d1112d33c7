package suite

import "testing"

// Version is what the suite needs to know of a River version.
type Version struct {
	GivesBack bool // a soft stop gives the job back without an error (0.44)
	Late      int  // how many late results at once
	Traffic   int  // how many jobs of ordinary traffic
	Away      int  // seconds of a partition
}

// Run is the test. Its parts have a database each, and run beside each other: some wait for River's own times.
func Run(t *testing.T, world *World, version Version) {
	for _, part := range []struct {
		name string
		play func(*testing.T, *World, Version)
	}{
		{"PartitionLongerThanEveryTimeout", partition},
		{"RiversRescuerInBetween", riversRescuer},
		{"EveryOutcome", everyOutcome},
		{"EveryOutcomeWithoutTheFence", everyOutcomeUnfenced},
		{"SoftStop", softStop},
		{"BetweenRescueAndNextClaim", betweenRescueAndClaim},
		{"ResultWrittenTwice", writtenTwice},
		{"ResultWrittenTwiceWithoutTheFence", writtenTwiceUnfenced},
		{"BothAttemptsInOneProcess", oneProcess},
		{"JobRetryInBetween", jobRetry},
		{"CompletedInATransaction", inTransactions},
		{"CompletedInAStaleTransaction", staleTransaction},
		{"CompletedInAStaleTransactionWithoutHold", staleTransactionUnchecked},
		{"OneLateRowAmongMany", oneAmongMany},
		{"UniqueJob", uniqueJob},
		{"SoftBatch", softBatch},
		{"LateSoftBatch", lateSoftBatch},
		{"OrdinaryTraffic", ordinaryTraffic},
		{"ManyLateResults", manyLate},
		{"ManyLateResultsWithoutTheFence", manyLateUnfenced},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.play(t, world, version)
		})
	}
}
