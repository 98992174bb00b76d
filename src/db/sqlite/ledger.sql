SELECT 'ledger', m.version, CAST(m.applied_at AS TEXT), h.checksum, h.kind, CAST(h.duration_ms AS TEXT), h.app_version,
       iif(h.compatible, 'true', 'false')
FROM seaql_migrations m LEFT JOIN authsvc_migrations h ON h.version = m.version
ORDER BY m.version;
