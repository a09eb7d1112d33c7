-- Question: which replica is active, and how long ago was its last election? The only query of a standby replica.
-- Index: control has one row.
-- NULL: actor, its age and its configuration, before any replica was active.
SELECT
    extract(epoch FROM clock_timestamp())::double precision AS now,
    c.actor::text AS actor,
    c.actor_name,
    c.path_state ->> 'rules' AS rules,
    extract(epoch FROM clock_timestamp() - c.actor_at)::double precision AS age
FROM keeper.control AS c
