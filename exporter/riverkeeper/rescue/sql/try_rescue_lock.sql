-- Question: (locks) may this transaction rescue? One transaction at a time for each of River's job tables, whatever
-- keeper schema it uses.
-- Index: none. The lock belongs to the transaction: it holds through PgBouncer, and ends with its connection.
-- NULL: never; false: another transaction holds it.
-- The keys are 'rivk' and the oid of the job table's row type, moved into the range of an integer.
SELECT pg_try_advisory_xact_lock(
    1919514219, (pg_typeof(NULL::river.river_job)::oid::bigint - 2147483648)::integer
) AS acquired
