-- What a server says of itself as a standby. Its walsender on the primary is called by its cluster_name, if it has one.
SELECT pg_is_in_recovery(),
       (SELECT system_identifier FROM pg_control_system()) AS system,
       (SELECT rolsuper FROM pg_roles WHERE rolname = session_user)
       OR pg_has_role(session_user, 'pg_signal_backend', 'MEMBER') AS may_end,
       coalesce(nullif(current_setting('cluster_name'), ''), 'walreceiver') AS name,
       host(inet_server_addr()) AS address,
       nullif(current_setting('primary_slot_name', true), '') AS slot,
       session_user,
       CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() <> 'not paused' ELSE false END
