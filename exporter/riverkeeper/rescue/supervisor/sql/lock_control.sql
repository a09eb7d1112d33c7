-- Question: may this replica run its election now? One at a time, until its transaction ends.
-- Index: control has one row.
-- NULL: never; waits for lock_timeout at most, as a beat would.
SELECT c.only_row FROM keeper.control AS c FOR UPDATE
