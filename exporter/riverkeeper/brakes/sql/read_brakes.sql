-- Question: Reads the brake settings and the active replica, and counts the rescues of the last minute and of the slow start.
-- Index: control has one row, brake one for each name; rescue_by_time for the last minute.
-- NULL: stopped_* where the kill switch is not pulled; path_* and actor_* before the first election; state and
-- released_at where the brake has never moved. step_at is that of the mass brake's slow start,
-- which claims that their clients gave up, and those of processes proven dead, do not use up. started_at is that of the
-- server that answers, which may be another than the one that path_* was written on.
SELECT
    extract(epoch FROM clock_timestamp())::double precision AS now,
    extract(epoch FROM pg_postmaster_start_time())::double precision AS started_at,
    extract(epoch FROM c.stopped_at)::double precision AS stopped_at,
    c.stopped_by,
    c.stopped_why,
    extract(epoch FROM c.path_ok_since)::double precision AS path_ok_since,
    extract(epoch FROM c.path_probe_at)::double precision AS path_probe_at,
    c.path_server,
    c.path_state,
    c.actor::text AS actor,
    c.actor_name,
    extract(epoch FROM c.actor_at)::double precision AS actor_at,
    b.state AS mass,
    extract(epoch FROM b.released_at)::double precision AS released_at,
    (
        SELECT count(*) FROM keeper.rescue AS r
        WHERE r.dry_run = %(dry_run)s::boolean AND r.at > now() - interval '1 minute'
    ) AS acted_in_minute,
    (
        SELECT count(*) FROM keeper.rescue AS r
        WHERE r.dry_run = %(dry_run)s::boolean AND r.reason NOT IN ('abandoned', 'worker_dead')
            AND r.at >= to_timestamp((b.state ->> 'step_at')::double precision)
    ) AS acted_in_step,
    (
        SELECT count(*) FROM keeper.rescue AS r
        WHERE r.was_false AND r.dry_run = %(dry_run)s::boolean
            AND r.at >= to_timestamp((b.state ->> 'slow_from')::double precision)
    ) AS false_rescues
FROM keeper.control AS c
LEFT JOIN keeper.brake AS b ON b.name = 'mass_silence'
