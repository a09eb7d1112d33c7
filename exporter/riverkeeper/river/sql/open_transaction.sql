-- Question: Reads the time and the version of the server, and sets the planner for this transaction.
-- Index: none; settings only.
-- NULL: data_at on a primary, and on a standby that has replayed nothing. On a standby data_at is now() while it receives and has
-- replayed all that it received; else the time of the last commit that it replayed.
SELECT
    extract(epoch FROM now())::double precision AS now,
    extract(epoch FROM clock_timestamp())::double precision AS clock,
    pg_is_in_recovery() AS standby,
    CASE WHEN pg_is_in_recovery() THEN extract(epoch FROM CASE
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN now()
        ELSE least(now(), pg_last_xact_replay_timestamp())
    END)::double precision END AS data_at,
    current_database()::text AS database,
    current_setting('server_version_num')::integer AS server_version,
    -- A bitmap scan reads every entry of a queue before its first row; an index scan stops at its bound.
    set_config('enable_bitmapscan', 'off', true) AS enable_bitmapscan,
    set_config('jit', 'off', true) AS jit,
    -- A scrape may use one core. Starting parallel workers costs more than most queries.
    set_config('max_parallel_workers_per_gather', '0', true) AS parallel,
    -- 100,000 running rows fit; with the default of 4 MB they are written to disk and read again.
    CASE WHEN pg_size_bytes(current_setting('work_mem')) < 16777216
        THEN set_config('work_mem', '16MB', true) END AS work_mem
