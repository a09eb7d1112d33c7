"""Mutations of the client in JavaScript. Made only where `node` is installed and its packages are; a second each."""

from __future__ import annotations

from mutations.mutation import Mutation

MUTATIONS = (
    Mutation(
        "work goes on after its claim was lost (JavaScript)",
        'lost: { cancel: "claim_lost", beatsOn',
        "lost: { cancel: null, beatsOn",
        ("js::lost_claim_is_seen_within_one_tick", "js::vectors.test.js"),
    ),
    Mutation(
        "a job that hangs counts as lost, and its result is not written (JavaScript)",
        'stop: { cancel: "stop_requested"',
        'stop: { cancel: "claim_lost"',
        ("js::stop_request_is_no_loss", "js::vectors.test.js"),
    ),
    Mutation(
        "a lease runs from a late answer, and work goes on after its claim was rescued (JavaScript)",
        "      entry.lastBeat = sentAt;\n",
        "      entry.lastBeat = leaseClock();\n",
        ("js::slow_answers_count_from_their_sending",),
    ),
    Mutation(
        "a grant that was taken back ends all leased work (JavaScript)",
        "    for (const entry of this.#entries.values()) entry.lastBeat = leaseClock();",
        "    for (const entry of []) entry.lastBeat = leaseClock();",
        ("js::grant_is_revoked", "js::tables_are_dropped"),
    ),
    Mutation(
        "a connection whose packets are lost swallows every later beat (JavaScript)",
        "      } catch (error) {\n        this.#drop();\n        throw error;\n",
        "      } catch (error) {\n        throw error;\n",
        ("js::connection_that_never_answers_again",),
    ),
    Mutation(
        "a server that accepts and never answers ends the beats (JavaScript)",
        "connectionTimeoutMillis: Math.max(limit, LEAST_MS)",
        "connectionTimeoutMillis: 0",
        ("js::connect_that_is_never_answered",),
    ),
    Mutation(
        "results carry no token while the database does not answer (JavaScript)",
        "this.#inForce !== false,",
        "this.#inForce === true,",
        ("js::jobs_begin_without_the_database",),
    ),
    Mutation(
        "tokens stay in rows after the schema is gone (JavaScript)",
        "if (this.#table.fence === null || isSchemaGone(error)) this.#table.fence = false;",
        "if (this.#table.fence === null) this.#table.fence = false;",
        ("js::tables_are_dropped",),
    ),
    Mutation(
        "the next attempt begins before the earlier one in the same process has returned (JavaScript)",
        "    await within(earlier.hasReturned, this.#options.reclaimSeconds * 1000);\n",
        "",
        ("js::later_attempt_waits_for_the_earlier",),
    ),
    Mutation(
        "beats go into the keeper schema of another River (JavaScript)",
        "    if (judged.refusal) throw new Refused(judged.refusal);\n",
        "",
        ("js::keeper_schema_of_another_river", "js::keeper_schema_that_needs_a_newer_client"),
    ),
    Mutation(
        "a process that stops while its jobs run leaves their claims to the timeout (JavaScript)",
        'if (entry && !entry.lost && !entry.finished) this.#end(entry, "abandoned");',
        "void entry;",
        ("js::stopped_process_abandons_its_work",),
    ),
    Mutation(
        "a note is cut inside a character, and the beats of all jobs fail (JavaScript)",
        "(bytes.readUInt8(end) & 0xc0) === 0x80) end--;",
        "(bytes.readUInt8(end) & 0xc0) === 0x81) end--;",
        ("js::vectors.test.js",),
    ),
    Mutation(
        "work that fails before its first beat loses its newest checkpoint (JavaScript)",
        "    entry.leaving = true;\n",
        "",
        ("js::failed_work_keeps_its_newest_checkpoint",),
    ),
    Mutation(
        "each beat sends a checkpoint that has not changed (JavaScript)",
        "return checkpoint !== null && checkpoint.text !== saved;",
        "return checkpoint !== null;",
        ("js::unchanged_checkpoint_sends_nothing",),
    ),
    Mutation(
        "NaN comes back as another value (JavaScript)",
        'if (typeof value === "number" && !Number.isFinite(value))',
        "if (false)",
        ("js::vectors.test.js",),
    ),
    Mutation(
        "a checkpoint that is on its way replaces the one of a transaction (JavaScript)",
        "if (text === null) [entry.inTransaction, entry.saved] = [number, null];",
        "if (text === null) return;",
        ("js::checkpoint_is_saved_with_its_effect",),
    ),
)
