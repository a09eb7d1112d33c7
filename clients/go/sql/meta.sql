-- Question: does this keeper schema serve our River, do we understand it, and is the fence in force? Asked before the first
-- beat, on every new connection, and at least each minute.
-- Index: one row; pg_trigger's by table.
-- NULL: never; an error means that the keeper schema is not installed, or that this login may not read it.
--
-- A client of contract version 1 beats if river_schema is its own, version >= 2 and min_compatible <= 2; else not.
-- fence: both triggers are on River's table and enabled. Only then does a result need a token.
SELECT
    m.river_schema,
    m.version,
    m.min_compatible,
    (
        SELECT count(*) = 2
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = m.river_schema
          AND c.relname = 'river_job'
          AND t.tgname IN ('riverkeeper_fence', 'riverkeeper_fence_strip')
          AND t.tgenabled IN ('O', 'A')
    ) AS fence
FROM keeper.meta AS m
