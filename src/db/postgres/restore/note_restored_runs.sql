-- Runs of a file, whose database is in the restored identity.
UPDATE maintenance_runs
SET counts = counts || jsonb_build_object('restored_from', coalesce((SELECT database_id FROM database_identity WHERE id = 1), 'unknown'))
WHERE counts ->> 'restored_from' IS NULL
  AND (SELECT database_id FROM database_identity WHERE id = 1) IS DISTINCT FROM :database_id;
UPDATE maintenance_runs SET counts = counts - 'restored_from' WHERE counts ->> 'restored_from' = :database_id;
