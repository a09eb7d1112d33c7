-- Question: what time is it by the database's clock, by which rescues and claims are recorded?
-- Index: none.
-- NULL: never.
SELECT extract(epoch FROM clock_timestamp())::double precision AS now
