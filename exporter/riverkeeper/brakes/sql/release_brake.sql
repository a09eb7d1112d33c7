-- Question: (writes) which person releases this brake? The actor lets go at its next tick.
-- Index: primary key; control has one row.
-- NULL: no row where it is not engaged. A fleet that is silent as a whole is released by the same word although no
-- brake is engaged: a person says that the silence is real.
UPDATE keeper.brake AS b
SET released_at = clock_timestamp(), released_by = %(who)s::text
FROM keeper.control AS c
WHERE b.name = %(name)s::text
    AND (b.engaged_at IS NOT NULL
        OR b.name = 'mass_silence' AND c.path_probe_at IS NOT NULL AND c.path_ok_since IS NULL)
RETURNING coalesce(b.sentence, c.path_state ->> 'why') AS sentence
