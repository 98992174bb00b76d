CREATE TABLE IF NOT EXISTS seaql_migrations (
    version VARCHAR NOT NULL PRIMARY KEY,
    applied_at BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS authsvc_migrations (
    version VARCHAR NOT NULL PRIMARY KEY REFERENCES seaql_migrations (version) ON DELETE CASCADE,
    checksum VARCHAR(64) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    compatible BOOLEAN NOT NULL,
    duration_ms BIGINT NOT NULL,
    app_version VARCHAR(100) NOT NULL
);
COMMENT ON TABLE seaql_migrations IS 'SeaORM''s ledger: which migrations are applied, and when (Unix seconds)';
COMMENT ON TABLE authsvc_migrations IS 'what authsvc adds to the ledger: checksum of the SQL, how it got here (applied, adopted, baseline), whether an older program may go on, how long it took, which program did it';
