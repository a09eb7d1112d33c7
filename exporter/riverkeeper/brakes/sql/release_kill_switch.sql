-- Question: (writes) may rescues go on, and by whose word? As they were before the kill switch was pulled.
-- Index: primary key of brake; control has one row.
-- NULL: no row where it was not pulled.
WITH before AS (
    SELECT c.stopped_at, c.stopped_by, c.stopped_why
    FROM keeper.control AS c
    WHERE c.stopped_at IS NOT NULL
    FOR UPDATE
), released AS (
    UPDATE keeper.control SET stopped_at = NULL, stopped_by = NULL, stopped_why = NULL
    FROM before
), kept AS (
    INSERT INTO keeper.brake AS b (name, sentence, released_at, released_by)
    SELECT
        'kill_switch',
        'stopped by ' || coalesce(p.stopped_by, 'somebody') || coalesce(': ' || p.stopped_why, ''),
        clock_timestamp(),
        %(who)s::text
    FROM before AS p
    ON CONFLICT (name) DO UPDATE SET
        sentence = excluded.sentence,
        released_at = excluded.released_at,
        released_by = excluded.released_by
)
SELECT extract(epoch FROM p.stopped_at)::double precision AS stopped_at, p.stopped_by
FROM before AS p
