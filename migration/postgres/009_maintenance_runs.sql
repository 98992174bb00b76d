-- migrate: compatible
--
-- What ran (backup, cleanup, …), when, and how it ended: where the health report reads `last_cleanup` and
-- `last_backup`.
--
-- Locks: none that matter; it only creates. Undone by dropping the table.

CREATE TABLE maintenance_runs (
    id BIGSERIAL PRIMARY KEY,
    kind VARCHAR(20) COLLATE "C" NOT NULL,
    started_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    finished_at TIMESTAMPTZ,
    outcome VARCHAR(20) COLLATE "C",
    counts JSONB NOT NULL DEFAULT '{}',
    error TEXT,
    CONSTRAINT chk_maintenance_runs_kind
        CHECK (kind IN ('cleanup', 'backup', 'verify', 'restore', 'migrate', 'rollback', 'seed')),
    CONSTRAINT chk_maintenance_runs_outcome CHECK (outcome IN ('succeeded', 'failed', 'cancelled'))
);
CREATE INDEX idx_maintenance_runs_kind_started_at ON maintenance_runs (kind, started_at);

COMMENT ON TABLE maintenance_runs IS 'what ran, when, and how it ended';
COMMENT ON COLUMN maintenance_runs.outcome IS 'NULL while it runs, and for ever if its process was killed';
COMMENT ON COLUMN maintenance_runs.counts IS 'what it did, by kind';
