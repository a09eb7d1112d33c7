-- Question: does another keeper sweep this heartbeat table at the moment? Locks it for us until the transaction ends.
-- Index: none.
-- NULL: never; false means that another one does.
SELECT pg_try_advisory_xact_lock(hashtext('riverkeeper sweep'), %(heartbeat)s::oid::integer) AS held
