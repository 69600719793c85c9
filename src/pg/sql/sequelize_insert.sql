-- The names under which a migration ($1 id, $2 name) was adopted; else its own, with the extension of the newest that was.
INSERT INTO drydock.sequelize_meta (name)
SELECT a.name FROM drydock.adopted AS a WHERE a.id = $1 AND a.how = 'sequelize'
UNION ALL
SELECT $1 || '-' || $2 || coalesce((
    SELECT coalesce(pg_catalog.substring(a.name, '\.(?:js|cjs|mjs|ts)$'), '') FROM drydock.adopted AS a
    WHERE a.how = 'sequelize' ORDER BY a.id COLLATE "C" DESC, a.name COLLATE "C" LIMIT 1), '.js')
WHERE NOT EXISTS (SELECT FROM drydock.adopted AS a WHERE a.id = $1 AND a.how = 'sequelize')
