-- Question: (writes) which operator releases this brake? The active replica follows at its next tick.
-- Index: primary key; control has one row.
-- NULL: no row where it is not engaged. A fleet that has stopped as a whole is released by the same command although no
-- brake is engaged: an operator confirms that the fleet is gone.
UPDATE keeper.brake AS b
SET released_at = clock_timestamp(), released_by = %(who)s::text
FROM keeper.control AS c
WHERE b.name = %(name)s::text
    AND (b.engaged_at IS NOT NULL
        OR b.name = 'mass_silence' AND c.path_probe_at IS NOT NULL AND c.path_ok_since IS NULL)
RETURNING coalesce(b.sentence, c.path_state ->> 'why') AS sentence
