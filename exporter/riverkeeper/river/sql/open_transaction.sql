-- Question: what time is it in the database, and what server is this? Sets this transaction's planner switches too.
-- Index: none; settings only.
-- NULL: data_at on a primary, and on a standby that has replayed nothing; else never. It is now on a standby that has
-- replayed all that it received and still receives; else the last commit that it has replayed.
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
    -- The planner prefers reading the whole table once most of it is live; its time would then grow with history.
    set_config('enable_seqscan', 'off', true) AS enable_seqscan,
    -- A bitmap reads every entry of a queue before the first row; a plain index scan stops at its bound.
    set_config('enable_bitmapscan', 'off', true) AS enable_bitmapscan,
    set_config('jit', 'off', true) AS jit,
    -- One core is what a look may take. Starting helpers costs more than most questions.
    set_config('max_parallel_workers_per_gather', '0', true) AS parallel,
    -- A hundred thousand running rows fit into this; with the usual 4 MB they are written to disk and read again.
    CASE WHEN pg_size_bytes(current_setting('work_mem')) < 16777216
        THEN set_config('work_mem', '16MB', true) END AS work_mem
