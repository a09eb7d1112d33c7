-- Question: may this transaction act? One at a time for each of River's tables, whatever keeper schema asks.
-- Index: none. The lock is the transaction's own: it holds through PgBouncer, and dies with its connection.
-- NULL: never; false: another transaction has it.
-- The keys are 'rivk' and the oid of the job table's row type, moved into the range of an integer.
SELECT pg_try_advisory_xact_lock(
    1919514219, (pg_typeof(NULL::river.river_job)::oid::bigint - 2147483648)::integer
) AS acquired
