SELECT d.datistemplate,
       d.datallowconn,
       d.datconnlimit,
       r.rolname AS owner,
       pg_has_role(current_user, d.datdba, 'MEMBER') AS may_own,
       to_jsonb(d) ->> 'datcollversion' AS recorded_collation,
       (SELECT split_part(setting, '=', 2)
        FROM pg_db_role_setting AS s, unnest(s.setconfig) AS setting
        WHERE s.setdatabase = d.oid AND s.setrole = 0
          AND setting LIKE 'default\_transaction\_read\_only=%') AS read_only,
       has_database_privilege(d.oid, 'CONNECT') AS may_connect
FROM pg_database AS d
JOIN pg_roles AS r ON r.oid = d.datdba
WHERE d.datname = $1
