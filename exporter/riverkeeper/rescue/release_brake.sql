-- Question: (writes) which person releases this brake? The actor lets go at its next tick.
-- Index: primary key.
-- NULL: no row where it is not engaged.
UPDATE keeper.brake AS b
SET released_at = clock_timestamp(), released_by = %(who)s::text
WHERE b.name = %(name)s::text AND b.engaged_at IS NOT NULL
RETURNING b.sentence
