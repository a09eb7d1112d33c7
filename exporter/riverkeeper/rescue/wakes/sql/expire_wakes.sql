-- Question: which open wakes have waited for longer than max_age? They are given up.
-- Index: wake_open.
-- NULL: nothing here is.
UPDATE keeper.wake AS w
SET closed_at = clock_timestamp(), outcome = 'expired'
WHERE w.closed_at IS NULL AND w.received_at < clock_timestamp() - make_interval(secs => %(max_age)s::double precision)
RETURNING w.id
