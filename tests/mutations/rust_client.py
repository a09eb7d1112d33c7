"""Mutations of the client in Rust. Made only where `cargo` is and CARGO_TARGET_DIR is set; half a minute each."""

from __future__ import annotations

from mutations.mutation import Mutation

MUTATIONS = (
    Mutation(
        "work goes on after its claim was lost (Rust)",
        "                self.mark_lost(work, &mut state);\n",
        "                state.lost = true;\n",
        ("rust::lost_claim_is_seen_within_one_tick", "rust::vectors::decisions"),
    ),
    Mutation(
        "a lease runs from a late answer, and work goes on after its claim was rescued (Rust)",
        "(state.last_beat, state.confirmed, state.acknowledged) = (sent, true, reported);",
        "(state.last_beat, state.confirmed, state.acknowledged) = (sent.max(uptime()), true, reported);",
        ("rust::slow_answers_count_from_their_sending",),
    ),
    Mutation(
        "a grant that was taken back ends all leased work (Rust)",
        "lock(&work.state).last_beat = uptime(); // a refused",
        "lock(&work.state).last_beat += std::time::Duration::ZERO; // a refused",
        ("rust::grant_is_revoked", "rust::vectors::decisions"),
    ),
    Mutation(
        "a connection whose packets are lost swallows every later beat (Rust)",
        "                connection.discard();\n                self.apply_failure",
        "                self.apply_failure",
        ("rust::connection_that_never_answers_again",),
    ),
    Mutation(
        "a server that accepts and never answers ends the beats (Rust)",
        "answer = tokio::time::timeout(limit, beat) => answer.unwrap_or(Err(Failure::Timeout(limit))),",
        "answer = beat => answer,",
        ("rust::connect_that_is_never_answered",),
    ),
    Mutation(
        "results carry no token while the database does not answer (Rust)",
        "self.settings.fences && self.fence.get() != Fence::Missing",
        "self.settings.fences && self.fence.get() == Fence::InForce",
        ("rust::jobs_begin_without_the_database",),
    ),
    Mutation(
        "the next attempt begins before the earlier one in the same process has returned (Rust)",
        "            self.shared.await_earlier(&earlier, &token).await;\n",
        "            self.shared.mark_lost(&earlier, &mut lock(&earlier.state));\n",
        ("rust::later_attempt_waits_for_the_earlier",),
    ),
    Mutation(
        "a process that stops while its jobs run leaves their claims to the timeout (Rust)",
        "                state.add_end(&work.key, Outcome::Abandoned);\n",
        "                let _ = &mut state;\n",
        ("rust::stopped_process_abandons_its_work",),
    ),
    Mutation(
        "one NUL in a note is sent (Rust)",
        "note[..end].replace('\\0', \"?\") // as long as before",
        "note[..end].to_owned()",
        ("rust::vectors::notes",),
    ),
    Mutation(
        "work that fails before its first beat loses its newest checkpoint (Rust)",
        "lock(&active.state).leaving = true;",
        "",
        ("rust::failed_work_keeps_its_newest_checkpoint",),
    ),
    Mutation(
        "each beat sends a checkpoint that has not changed (Rust)",
        "values.newest.as_ref().filter(|newest| values.saved.as_ref() != Some(newest))?",
        "values.newest.as_ref()?",
        (
            "rust::unchanged_checkpoint_sends_nothing",
            "rust::checkpoint::tests::the_newest_value_is_pending_until_it_is_answered",
        ),
    ),
    Mutation(
        "NaN comes back as another value (Rust)",
        "    if !is_finite(value) {\n",
        "    if false {\n",
        ("rust::vectors::checkpoints",),
    ),
)
