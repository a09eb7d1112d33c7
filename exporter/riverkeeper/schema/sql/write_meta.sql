-- Question: (writes) which River this keeper schema serves, and how new it is now.
-- Index: one row.
-- NULL: never.
INSERT INTO keeper.meta AS m (river_schema, version, min_compatible)
VALUES (%(river_schema)s, %(version)s, %(min_compatible)s)
ON CONFLICT (singleton) DO UPDATE SET
    version = greatest(m.version, excluded.version),
    min_compatible = greatest(m.min_compatible, excluded.min_compatible)
