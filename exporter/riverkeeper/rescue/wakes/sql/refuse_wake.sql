-- Question: why could the rescuer not act on this wake this time? It stays open.
-- Index: wake_pkey.
-- NULL: no row where it has been closed meanwhile.
UPDATE keeper.wake AS w
SET tries = w.tries + 1, last_refusal = %(why)s
WHERE w.id = %(id)s AND w.closed_at IS NULL
RETURNING w.id
