-- Question: is this wake over, and how did it end? (Nothing happens where another replica has closed it.)
-- Index: wake_pkey.
-- NULL: no row where it was closed before.
UPDATE keeper.wake AS w
SET closed_at = clock_timestamp(), outcome = %(outcome)s, tries = w.tries + 1
WHERE w.id = %(id)s AND w.closed_at IS NULL
RETURNING w.id
