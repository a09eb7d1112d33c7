-- Question: how many worker processes beat now, when did the last one, and is there any beat of a job to be read?
-- Index: none; one row a process, those of the last hour (sweep_clients.sql). Of the heartbeats the first row is enough.
-- NULL: last_beat_at: no process has beaten within the last hour. Both tables stay locked (as any SELECT locks) until the transaction ends: a transaction that runs
-- this first can read them afterwards, and nobody drops them in between.
SELECT
    (
        SELECT count(*)
        FROM keeper.client AS c
        WHERE c.beat_at > now() - 3 * c.beat_interval
    ) AS beating_clients,
    (SELECT extract(epoch FROM max(c.beat_at))::double precision FROM keeper.client AS c) AS last_beat_at,
    EXISTS (SELECT FROM keeper.heartbeat) AS any_heartbeat
