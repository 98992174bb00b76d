-- Deletes the identity of the database. If 011 is applied again, the database gets another id, and later backups are
-- not grouped with earlier ones.

DROP TABLE database_identity;
