-- Question: (writes) which beats lie ahead, because the database's clock went back? They count as of now.
-- Index: none; one pass over the table, in the one election that finds the clock set back. In order, and past locked rows: a beat
-- that is under way writes the right time itself.
-- NULL: never.
UPDATE keeper.heartbeat AS h
SET beat_at = clock_timestamp()
FROM (
    SELECT a.job_id, a.attempted_at
    FROM keeper.heartbeat AS a
    WHERE a.beat_at > clock_timestamp() + interval '5 seconds'
    ORDER BY a.job_id, a.attempted_at
    FOR UPDATE SKIP LOCKED
) AS ahead
WHERE h.job_id = ahead.job_id AND h.attempted_at = ahead.attempted_at
