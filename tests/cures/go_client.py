"""Cures of the Go client and its River middleware. Played only where `go` is installed; some seconds each."""

from __future__ import annotations

from cures.cure import Cure

CURES = (
    Cure(
        "a result carries no token, and ends the next attempt although the fence is in force",
        "rivermiddleware/fence.go",
        "m.fence.metadataSet(ctx, riverbeat.TokenKey, token)",
        'm.fence.metadataSet(ctx, "riverbeat", token)',
        ("tests::TestZombiesWriteNothing",),
    ),
    Cure(
        "what a job completes in its own transaction carries no token",
        "rivermiddleware/middleware.go",
        "\tattached := m.attach(ctx, work, job)\n\treturned := false\n",
        "\tattached := false\n\treturned := false\n",
        ("tests::TestContract",),
    ),
    Cure(
        "jobs that began before the fence was installed are not fenced",
        "rivermiddleware/middleware.go",
        "\t\t\tm.attach(ctx, work, job)\n",
        "",
        ("tests::TestContract",),
    ),
    Cure(
        "the first jobs of a process leave their tokens in rows that no fence strips",
        "work.go",
        "\tb.awaitFirstAnswer(ctx)\n",
        "",
        ("tests::TestFirstJobWaitsForTheFirstAnswer",),
    ),
    Cure(
        "results carry no token while the database does not answer",
        "fence.go",
        "\tif b.knownFence() == fenceMissing {\n",
        "\tif b.knownFence() != fenceInForce {\n",
        ("tests::TestJobsBeginWithoutTheDatabase",),
    ),
    Cure(
        "a fence that was installed or removed is noticed by new processes only",
        "check.go",
        "sql == nil || b.askedOn != conn || ",
        "sql == nil || ",
        ("tests::TestFenceComesAndGoes",),
    ),
    Cure(
        "the results of jobs that do not beat carry no token",
        "work.go",
        "!b.beatsFor(claim.Kind) {\n\t\treturn &Work{process: b, key: key}, nil\n",
        "!b.beatsFor(claim.Kind) {\n\t\treturn &Work{}, nil\n",
        ("tests::TestEveryJobHasAToken",),
    ),
    Cure(
        "a claim that was given up for want of a beat is told as a failure of the job",
        "finish.go",
        "\t\toutcome = abandoned\n",
        "",
        ("tests::TestExpiredWorkIsGivenUp",),
    ),
    Cure(
        "a process that stops while its jobs run leaves their claims to the timeout",
        "beater.go",
        "\tb.giveUp()\n",
        "",
        ("tests::TestStopWithoutPatience",),
    ),
    Cure(
        "an overtaken attempt hands in its result after the later one, and replaces it: finished work is done again",
        "work.go",
        "\tfor !w.b.surelyWritten(last) {\n",
        "\tfor false {\n",
        ("tests::TestOvertakenAttemptWaitsForTheLaterResult",),
    ),
    Cure(
        "the token of a batch's leader drops the results of its members",
        "rivermiddleware/middleware.go",
        "\t\t\tm.attachAll(ctx, work, job, batch.Jobs())\n",
        "\t\t\tm.attach(ctx, work, job)\n",
        ("rivermiddleware::TestBatchesHaveATokenForEachMember",),
    ),
    Cure(
        "a result that is dropped panics River 0.44 to 0.47, and with it all jobs of the process",
        "rivermiddleware/release.go",
        "\tif minor >= panicsFrom && minor <= panicsTo {\n",
        "\tif false {\n",
        ("rivermiddleware::TestReleasesThatPanicAreNotFenced",),
    ),
    Cure(
        "a lease runs from a late answer, and work goes on after its claim was rescued",
        "tick.go",
        "\t\tw.heard, w.beaten = batch.sent, true\n",
        "\t\tw.heard, w.beaten = uptime(), true\n",
        (".::TestSlowAnswerCountsFromItsSending",),
    ),
    Cure(
        "a machine that slept takes its lease for fresh when it wakes",
        "clock_linux.go",
        "unix.CLOCK_BOOTTIME",
        "unix.CLOCK_MONOTONIC",
        (".::TestLeasesRunThroughSuspend",),
    ),
    Cure(
        "the next attempt begins before the earlier one in the same process has returned",
        "work.go",
        "\tif earlier != nil {\n\t\tb.await(w.ctx, earlier)\n\t}\n",
        "\t_ = earlier\n",
        ("tests::TestReclaimWaitsForTheEarlierAttempt",),
    ),
    Cure(
        "a beat whose answer got lost made a row, and the client believes that there is none",
        "tick.go",
        '\tif reason != "" || unsent { // nothing was written\n',
        '\tif reason != "" || unsent || err != nil { // nothing was written\n',
        (".::TestFailedBeatSaysNothing",),
    ),
    Cure(
        "a grant that was taken back ends all leased work",
        "tick.go",
        "\t\tfor _, w := range b.works {\n"
        "\t\t\tw.heard = uptime() // refused is not unheard: it must not cancel anything, with a lease neither\n"
        "\t\t}\n",
        "",
        ("tests::TestRefusalsCancelNothing",),
    ),
)
