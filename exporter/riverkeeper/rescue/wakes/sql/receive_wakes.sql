-- Question: which of these alerts wake the rescuer? They are stored, once while open; a repeat only updates its time.
-- Index: wake_once; in its order, so that two peers of one Alertmanager who tell the same alerts cannot deadlock.
-- NULL: a scope column is any. An alert outside max_age (either side: clocks differ) gives no row, and is not stored.
INSERT INTO keeper.wake AS w (fingerprint, starts_at, alert, queue, kind, tier, reason)
SELECT call.fingerprint, call.starts_at, call.alert, call.queue, call.kind, call.tier, call.reason
FROM (
    SELECT
        given.fingerprint, to_timestamp(given.starts_at) AS starts_at,
        given.alert, given.queue, given.kind, given.tier, given.reason
    FROM unnest(
        %(fingerprints)s::text[], %(starts_at)s::double precision[], %(alerts)s::text[],
        %(queues)s::text[], %(kinds)s::text[], %(tiers)s::text[], %(reasons)s::text[]
    ) AS given (fingerprint, starts_at, alert, queue, kind, tier, reason)
    -- Compared as numbers: not every moment that an alert may claim is one that a timestamp can hold.
    WHERE abs(extract(epoch FROM now())::double precision - given.starts_at) <= %(max_age)s::double precision
) AS call
ORDER BY call.fingerprint, call.starts_at
ON CONFLICT (fingerprint, starts_at) WHERE closed_at IS NULL
DO UPDATE SET last_heard_at = clock_timestamp()
RETURNING w.id
