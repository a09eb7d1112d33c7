-- Question: which replica acts, and how long ago was it heard? All that a replica asks that stands by.
-- Index: control has one row.
-- NULL: actor, its age and what it goes by before anybody has acted.
SELECT
    extract(epoch FROM clock_timestamp())::double precision AS now,
    c.actor::text AS actor,
    c.actor_name,
    c.path_state ->> 'rules' AS rules,
    extract(epoch FROM clock_timestamp() - c.actor_at)::double precision AS age
FROM keeper.control AS c
