SELECT 'ledger', version, CAST(applied_at AS TEXT), checksum, kind, CAST(duration_ms AS TEXT), app_version, iif(compatible, 't', 'f')
FROM authsvc_migrations;
