CREATE TABLE IF NOT EXISTS seaql_migrations (
    version TEXT NOT NULL PRIMARY KEY,
    applied_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS authsvc_migrations (
    version TEXT NOT NULL PRIMARY KEY,
    checksum TEXT NOT NULL,
    kind TEXT NOT NULL,
    compatible BOOLEAN NOT NULL,
    applied_at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    app_version TEXT NOT NULL
);
