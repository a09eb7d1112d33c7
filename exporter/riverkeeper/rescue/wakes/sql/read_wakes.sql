-- Question: which wakes wait to be worked off, oldest first?
-- Index: wake_open.
-- NULL: a scope column is any; last_refusal where no pass was refused.
SELECT
    w.id, w.fingerprint, w.alert, w.queue, w.kind, w.tier, w.reason, w.tries, w.last_refusal,
    extract(epoch FROM w.starts_at)::double precision AS starts_at,
    extract(epoch FROM w.received_at)::double precision AS received_at,
    extract(epoch FROM w.last_heard_at)::double precision AS last_received_at
FROM keeper.wake AS w
WHERE w.closed_at IS NULL
ORDER BY w.id
LIMIT %(most)s
