-- Question: who leads? The candidate, if nobody does or its term has ended; the leader itself prolongs its term.
-- Index: river_leader's primary key; the table has one row or none.
-- NULL: no row comes back where another leads. elected_at stays while the same client leads.
INSERT INTO river.river_leader AS l (leader_id, elected_at, expires_at)
VALUES (%(candidate)s, now(), now() + %(term)s * interval '1 second')
ON CONFLICT (name) DO UPDATE SET
    leader_id = excluded.leader_id,
    elected_at = CASE WHEN l.leader_id = excluded.leader_id THEN l.elected_at ELSE excluded.elected_at END,
    expires_at = excluded.expires_at
WHERE l.leader_id = excluded.leader_id OR l.expires_at < now()
RETURNING l.leader_id
