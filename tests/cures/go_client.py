"""Cures of the Go client and its River middleware. Played only where `go` is installed; some seconds each."""

from __future__ import annotations

from cures.cure import Cure

CURES = (
    Cure(
        "a late result of a lost claim reaches River, and ends the next attempt",
        "rivermiddleware/fence.go",
        'return nil, fmt.Errorf("as intended',
        'return []byte("null"), nil\n\treturn nil, fmt.Errorf("as intended',
        ("rivermiddleware::TestPoison", "tests::TestZombiesWriteNothing"),
    ),
    Cure(
        "a result is let out without being settled, and a rescue overtakes it",
        "settle.go",
        '\tcase w.sent:\n\t\treturn "", true\n',
        "",
        ("tests::TestSettles", "tests::TestSettlingFindsTheLoss"),
    ),
    Cure(
        "a result of a process that nobody heard is let out unasked",
        "settle.go",
        '\treturn "", !b.unheardOf()\n',
        '\treturn "", false\n',
        ("tests::TestSettlesBeforeTheProcessIsHeard",),
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
        "\tif b.refused || unsent { // nothing was written\n",
        "\tif b.refused || unsent || err != nil { // nothing was written\n",
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
