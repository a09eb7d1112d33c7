"""Mutations of the Go client and its River middleware. Played only where `go` is installed; some seconds each."""

from __future__ import annotations

from mutations.mutation import Mutation

MUTATIONS = (
    Mutation(
        "a result carries no token, and ends the next attempt although the fence is in force",
        "m.fence.metadataSet(ctx, riverbeat.TokenKey, token)",
        'm.fence.metadataSet(ctx, "riverbeat", token)',
        ("tests::TestZombiesWriteNothing",),
    ),
    Mutation(
        "what a job completes in its own transaction carries no token",
        "\tattached := m.attach(ctx, work, job)\n\treturned := false\n",
        "\tattached := false\n\treturned := false\n",
        ("tests::TestContract",),
    ),
    Mutation(
        "jobs that began before the fence was installed are not fenced",
        "\t\t\tm.attach(ctx, work, job)\n",
        "",
        ("tests::TestContract",),
    ),
    Mutation(
        "the first jobs of a process leave their tokens in rows that no fence strips",
        "\tb.awaitFirstAnswer(ctx)\n",
        "",
        ("tests::TestFirstJobWaitsForTheFirstAnswer",),
    ),
    Mutation(
        "results carry no token while the database does not answer",
        "\tif b.knownFence() == fenceMissing {\n",
        "\tif b.knownFence() != fenceInForce {\n",
        ("tests::TestJobsBeginWithoutTheDatabase",),
    ),
    Mutation(
        "a fence that was installed or removed is noticed by new processes only",
        "sql == nil || b.checkedOn != conn || ",
        "sql == nil || ",
        ("tests::TestFenceComesAndGoes",),
    ),
    Mutation(
        "the results of jobs that do not beat carry no token",
        "!b.beatsFor(claim.Kind) {\n\t\treturn &Work{process: b, key: key}, nil\n",
        "!b.beatsFor(claim.Kind) {\n\t\treturn &Work{}, nil\n",
        ("tests::TestEveryJobHasAToken",),
    ),
    Mutation(
        "a claim that was given up because no beat succeeded is reported as a failure of the job",
        "\t\toutcome = abandoned\n",
        "",
        ("tests::TestExpiredWorkIsGivenUp",),
    ),
    Mutation(
        "a process that stops while its jobs run leaves their claims to the timeout",
        "\tb.abandonWork()\n",
        "",
        ("tests::TestStopWithoutPatience",),
    ),
    Mutation(
        "an overtaken attempt hands in its result after the later one, and replaces it: finished work is done again",
        "\tfor !w.b.isResultWritten(last) {\n",
        "\tfor false {\n",
        ("tests::TestOvertakenAttemptWaitsForTheLaterResult",),
    ),
    Mutation(
        "the token of a batch's leader drops the results of its members",
        "\t\t\tm.attachAll(ctx, work, job, batch.Jobs())\n",
        "\t\t\tm.attach(ctx, work, job)\n",
        ("rivermiddleware::TestBatchesHaveATokenForEachMember",),
    ),
    Mutation(
        "a result that is dropped panics River 0.44 to 0.47, and with it all jobs of the process",
        "\tif minor >= panicsFrom && minor <= panicsTo {\n",
        "\tif false {\n",
        ("rivermiddleware::TestReleasesThatPanicAreNotFenced",),
    ),
    Mutation(
        "a lease runs from a late answer, and work goes on after its claim was rescued",
        "\t\tw.lastBeat, w.confirmed = batch.sent, true\n",
        "\t\tw.lastBeat, w.confirmed = uptime(), true\n",
        (".::TestSlowAnswerCountsFromItsSending",),
    ),
    Mutation(
        "a machine that slept takes its lease for fresh when it wakes",
        "unix.CLOCK_BOOTTIME",
        "unix.CLOCK_MONOTONIC",
        (".::TestLeasesRunThroughSuspend",),
    ),
    Mutation(
        "the next attempt begins before the earlier one in the same process has returned",
        "\tif earlier != nil {\n\t\tb.awaitEarlier(w.ctx, earlier)\n\t}\n",
        "\t_ = earlier\n",
        ("tests::TestReclaimWaitsForTheEarlierAttempt",),
    ),
    Mutation(
        "a beat whose answer got lost made a row, and the client believes that there is none",
        '\tif reason != "" || unsent { // nothing was written\n',
        '\tif reason != "" || unsent || err != nil { // nothing was written\n',
        (".::TestFailedBeatSaysNothing",),
    ),
    Mutation(
        "a grant that was taken back ends all leased work",
        "\t\tfor _, w := range b.works {\n"
        "\t\t\tw.lastBeat = uptime() // a refused beat counts as a beat: it must not end a lease\n"
        "\t\t}\n",
        "",
        ("tests::TestRefusalsCancelNothing",),
    ),
)
