-- Question: (writes) which results that the fence dropped are not counted yet? Each is counted once, by the replica
-- that commits.
-- Index: late_result_uncounted.
-- NULL: never. A thousand at a time; the rest follows with the next pass.
UPDATE keeper.late_result AS l
SET counted_at = now()
WHERE l.id = ANY (ARRAY(
    SELECT n.id
    FROM keeper.late_result AS n
    WHERE n.counted_at IS NULL
    ORDER BY n.id
    LIMIT 1000
    FOR UPDATE SKIP LOCKED
))
RETURNING l.queue, l.kind, l.outcome
