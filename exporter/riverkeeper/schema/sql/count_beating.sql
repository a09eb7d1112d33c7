-- Question: which processes and claims have beaten within three of their own intervals?
-- Index: none; runs once, before the tables are dropped.
-- NULL: never. A claim that was ended or lost does not beat any more.
SELECT
    (
        SELECT count(*)
        FROM keeper.client AS c
        WHERE c.beat_at > now() - 3 * c.beat_interval
    ) AS clients,
    (
        SELECT count(*)
        FROM keeper.heartbeat AS h
        WHERE h.beat_at > now() - 3 * h.beat_interval
          AND h.lost_at IS NULL AND h.ended_at IS NULL
    ) AS claims
