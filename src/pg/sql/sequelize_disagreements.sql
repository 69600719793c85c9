-- Names that stand in one of the two histories only: (name, whether it is sequelize-cli's that lacks it).
WITH extension (text) AS (
    SELECT coalesce((
        SELECT coalesce(pg_catalog.substring(a.name, '\.(?:js|cjs|mjs|ts)$'), '') FROM drydock.adopted AS a
        WHERE a.how = 'sequelize' ORDER BY a.id COLLATE "C" DESC, a.name COLLATE "C" LIMIT 1), '.js')
), expected (name) AS (
    SELECT a.name FROM drydock.adopted AS a JOIN drydock.migrations AS m ON m.id = a.id WHERE a.how = 'sequelize'
    UNION ALL
    SELECT m.id || '-' || m.name || e.text
    FROM drydock.migrations AS m CROSS JOIN extension AS e
    WHERE NOT EXISTS (SELECT FROM drydock.adopted AS a WHERE a.id = m.id AND a.how = 'sequelize')
)
SELECT coalesce(e.name, s.name) AS name, s.name IS NULL
FROM expected AS e FULL JOIN drydock.sequelize_meta AS s ON s.name = e.name
WHERE e.name IS NULL OR s.name IS NULL
ORDER BY coalesce(e.name, s.name) COLLATE "C"
