-- migrate: compatible
--
-- One row that says which database this is. `database_id` is random and is kept for ever: backups are grouped by it, whatever
-- the spelling of DATABASE_URL. `epoch` is random and is replaced by every restore: an access token of another epoch is void.
--
-- Locks: none that matter; it only creates. Undone by dropping the table: applied again, the database has another id.

CREATE TABLE database_identity (
    id INTEGER PRIMARY KEY,
    database_id VARCHAR(36) COLLATE "C" NOT NULL,
    epoch VARCHAR(36) COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT chk_database_identity_one_row CHECK (id = 1),
    CONSTRAINT chk_database_identity_database_id CHECK (length(database_id) = 36),
    CONSTRAINT chk_database_identity_epoch CHECK (length(epoch) = 36)
);
INSERT INTO database_identity (id, database_id, epoch, created_at)
VALUES (1, gen_random_uuid()::text, gen_random_uuid()::text, CURRENT_TIMESTAMP);

COMMENT ON TABLE database_identity IS 'which database this is: one row';
COMMENT ON COLUMN database_identity.id IS 'always 1';
COMMENT ON COLUMN database_identity.database_id IS 'random UUID; a restore keeps it; backups are grouped by it';
COMMENT ON COLUMN database_identity.epoch IS 'random UUID; a restore replaces it; access tokens of another epoch are void';
COMMENT ON COLUMN database_identity.created_at IS 'when database_id was made';
