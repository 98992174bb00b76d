-- migrate: compatible
--
-- One row that says which database this is. `database_id` is random and is kept for ever: backups are grouped by it, whatever
-- the spelling of DATABASE_URL. `epoch` is random and is replaced by every restore: an access token of another epoch is void.
-- Both are UUIDs of version 4. Undone by dropping the table: applied again, the database has another id.

CREATE TABLE database_identity (
    id INTEGER PRIMARY KEY,
    database_id TEXT NOT NULL,
    epoch TEXT NOT NULL,
    created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??*+00:00'),
    CONSTRAINT chk_database_identity_one_row CHECK (id = 1),
    CONSTRAINT chk_database_identity_database_id CHECK (length(database_id) = 36),
    CONSTRAINT chk_database_identity_epoch CHECK (length(epoch) = 36)
);
INSERT INTO database_identity (id, database_id, epoch, created_at)
SELECT
    1,
    lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
        || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    ),
    lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
        || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    ),
    strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now');
