-- Question: who leads, since when, and until when if it is not heard again?
-- Index: none needed, the table has one row or none. UNLOGGED: unreadable on a standby, empty after a crash.
-- NULL: never; no leader has no row. An expired row is no leader, but says since when there is none.
SELECT
    l.leader_id,
    extract(epoch FROM l.elected_at)::double precision AS elected_at,
    extract(epoch FROM l.expires_at)::double precision AS expires_at
FROM river.river_leader AS l
ORDER BY l.expires_at DESC
LIMIT 1
