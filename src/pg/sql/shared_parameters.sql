-- Privileges on configuration parameters (server 15 and newer), in the shape of shared_read.sql.
SELECT 'privileges on parameter' AS kind, p.parname AS name,
       jsonb_build_object(
           'privileges', (SELECT coalesce(jsonb_agg(a.item::text ORDER BY a.item::text), '[]')
                            FROM unnest(p.paracl) AS a (item)))::text AS attributes
  FROM pg_parameter_acl AS p
