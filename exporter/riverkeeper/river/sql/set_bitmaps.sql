-- Question: Lets the next query read each page of the table once, instead of row by row in index order, or ends that.
-- Index: none; settings only.
-- NULL: never.
SELECT set_config('enable_bitmapscan', %(allowed)s, true) AS allowed
