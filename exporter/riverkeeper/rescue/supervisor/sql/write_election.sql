-- Question: (writes) since when is the heartbeat path verified, and by which replica? This write is the probe.
-- Index: control has one row.
-- NULL: path_ok_since where the path is not verified.
UPDATE keeper.control AS c SET
    path_ok_since = to_timestamp(%(ok_since)s::double precision),
    path_probe_at = to_timestamp(%(probe_at)s::double precision),
    path_server = %(server)s::text,
    path_state = %(state)s::jsonb,
    actor = %(actor)s::uuid,
    actor_name = %(actor_name)s::text,
    actor_at = clock_timestamp()
