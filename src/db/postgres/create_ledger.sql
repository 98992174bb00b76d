-- The lengths are small enough for rows without a TOAST table, which would double the cost of creating these two
-- tables.
CREATE TABLE IF NOT EXISTS seaql_migrations (
    version VARCHAR(255) NOT NULL PRIMARY KEY,
    applied_at BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS authsvc_migrations (
    version VARCHAR(255) NOT NULL PRIMARY KEY,
    checksum VARCHAR(64) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    compatible BOOLEAN NOT NULL,
    applied_at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    app_version VARCHAR(100) NOT NULL
);
COMMENT ON TABLE seaql_migrations IS 'SeaORM''s ledger: which migrations are applied, and when (Unix seconds)';
COMMENT ON TABLE authsvc_migrations IS 'the ledger that authsvc reads, a row for each of seaql_migrations: checksum of the SQL, how it got here (applied, adopted, baseline), whether an older program may go on, when (Unix seconds), how long it took, which program did it';
