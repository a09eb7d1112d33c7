-- Question: does another replica sweep this heartbeat table now? If not, this transaction holds the lock until it ends.
-- Index: none.
-- NULL: never; false means that another one does.
SELECT pg_try_advisory_xact_lock(hashtext('riverkeeper sweep'), %(heartbeat)s::oid::integer) AS held
