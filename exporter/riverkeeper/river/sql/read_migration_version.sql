-- Question: to which version are River's migrations applied? (migrations 1 to 4, which had no lines)
-- Index: none needed, the table has at most four rows.
-- NULL: version is NULL where the table is empty.
SELECT 'main' AS line, max(m.version) AS version FROM river.river_migration AS m
