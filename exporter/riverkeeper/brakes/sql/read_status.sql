-- Question: which brakes are engaged, which replica is active, is the heartbeat path verified, and what waits?
-- Index: one row of control; brake's primary key; wake_open; rescue_by_time, the last of rescues and of dry runs
-- (the planner may take rescue_dry_once instead where it has few entries).
-- NULL: stopped_at: the kill switch is not pulled. resumed_*: no operator ever released it. path_ok_since,
-- path_server: not verified. path_why, modes, patience, fingerprint, grace_until, actor_at: no replica
-- was active yet.
SELECT
    extract(epoch FROM now())::double precision AS now,
    extract(epoch FROM c.stopped_at)::double precision AS stopped_at,
    c.stopped_by,
    c.stopped_why,
    extract(epoch FROM k.released_at)::double precision AS resumed_at,
    k.released_by AS resumed_by,
    k.sentence AS resumed_from,
    extract(epoch FROM c.path_ok_since)::double precision AS path_ok_since,
    extract(epoch FROM c.path_probe_at)::double precision AS path_probe_at,
    c.path_server,
    c.path_state ->> 'why' AS path_why,
    c.path_state -> 'modes' AS modes,
    (c.path_state ->> 'patience')::double precision AS patience,
    c.path_state ->> 'rules' AS fingerprint,
    (c.path_state ->> 'grace_until')::double precision AS grace_until,
    extract(epoch FROM pg_postmaster_start_time())::double precision AS started_at,
    c.actor_name,
    extract(epoch FROM c.actor_at)::double precision AS actor_at,
    (SELECT count(*) FROM keeper.wake AS w WHERE w.closed_at IS NULL) AS wakes_open,
    (SELECT extract(epoch FROM r.at)::double precision FROM keeper.rescue AS r WHERE NOT r.dry_run
        ORDER BY r.at DESC LIMIT 1) AS last_rescue_at,
    (SELECT extract(epoch FROM r.at)::double precision FROM keeper.rescue AS r WHERE r.dry_run
        ORDER BY r.at DESC LIMIT 1) AS last_dry_run_at
FROM keeper.control AS c
LEFT JOIN keeper.brake AS k ON k.name = 'kill_switch'
