-- Forgets which database this is. Applied again, it has another id: later backups are not grouped with earlier ones.

DROP TABLE database_identity;
