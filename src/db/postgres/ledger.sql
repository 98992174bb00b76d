SELECT 'ledger', m.version, m.applied_at::text, h.checksum, h.kind, h.duration_ms::text, h.app_version, h.compatible::text
FROM seaql_migrations m LEFT JOIN authsvc_migrations h ON h.version = m.version
ORDER BY m.version;
