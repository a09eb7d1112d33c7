-- Question: which River does this keeper schema serve, and how new is it?
-- Index: one row.
-- NULL: never; the statement fails where the keeper schema is not installed.
SELECT m.river_schema, m.version, m.min_compatible FROM keeper.meta AS m
