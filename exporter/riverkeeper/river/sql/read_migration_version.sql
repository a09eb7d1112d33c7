-- Question: Which version have River's migrations? (River's migrations 1 to 4, without lines)
-- Index: none needed, the table has at most four rows.
-- NULL: version where the table is empty.
SELECT 'main' AS line, max(m.version) AS version FROM river.river_migration AS m
