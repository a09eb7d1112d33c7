-- Question: (sets) may the next question read the table page by page, each once, in place of row by row in index order?
-- Index: none; settings only.
-- NULL: never.
SELECT set_config('enable_bitmapscan', %(allowed)s, true) AS allowed
