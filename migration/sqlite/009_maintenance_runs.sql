-- migrate: compatible
--
-- What ran (backup, cleanup, …), when, and how it ended: where the health report reads `last_cleanup` and
-- `last_backup`. Undone by dropping the table.

CREATE TABLE maintenance_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (started_at GLOB '????-??-??T??:??:??*+00:00'),
    finished_at TEXT CHECK (finished_at GLOB '????-??-??T??:??:??*+00:00'),
    outcome TEXT,
    counts TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(counts)),
    error TEXT,
    CONSTRAINT chk_maintenance_runs_kind
        CHECK (kind IN ('cleanup', 'backup', 'verify', 'restore', 'migrate', 'rollback', 'seed')),
    CONSTRAINT chk_maintenance_runs_outcome CHECK (outcome IN ('succeeded', 'failed', 'cancelled'))
);
CREATE INDEX idx_maintenance_runs_kind_started_at ON maintenance_runs (kind, started_at);
