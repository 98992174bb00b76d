SELECT 'ledger', version, applied_at, checksum, kind, duration_ms, app_version, compatible FROM authsvc_migrations;
