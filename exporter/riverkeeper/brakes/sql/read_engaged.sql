-- Question: which brakes with a state of their own are engaged, since when and why?
-- Index: none: a handful of rows.
-- NULL: sentence where none was given; released_at where no operator released it.
SELECT
    b.name,
    extract(epoch FROM b.engaged_at)::double precision AS engaged_at,
    coalesce(b.sentence, '') AS sentence,
    b.released_at >= b.engaged_at AS released
FROM keeper.brake AS b
WHERE b.engaged_at IS NOT NULL
ORDER BY b.name
