-- Standbys that are attached: pid, name, address and physical slot, as far as this role may see them.
SELECT r.pid, coalesce(nullif(r.application_name, ''), 'walreceiver'), host(r.client_addr), s.slot_name
FROM pg_stat_replication AS r
LEFT JOIN pg_replication_slots AS s ON s.active_pid = r.pid
WHERE s.slot_type IS DISTINCT FROM 'logical'
ORDER BY r.pid
