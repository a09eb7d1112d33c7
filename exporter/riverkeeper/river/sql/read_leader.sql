-- Question: Which client is River's leader, since when, and until when without a renewal?
-- Index: none needed, the table has one row or none. It is UNLOGGED: unreadable on a standby, empty after a crash.
-- NULL: never. No row: there is no leader. An expired row shows since when there is none.
SELECT
    l.leader_id,
    extract(epoch FROM l.elected_at)::double precision AS elected_at,
    extract(epoch FROM l.expires_at)::double precision AS expires_at
FROM river.river_leader AS l
ORDER BY l.expires_at DESC
LIMIT 1
