-- Question: did the leader stop in order? Then its row goes at once, and nobody waits for the end of its term.
-- Index: none needed, the table has one row or none.
-- NULL: never.
DELETE FROM river.river_leader AS l WHERE l.leader_id = %(leader)s
