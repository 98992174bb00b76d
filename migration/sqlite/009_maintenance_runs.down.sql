-- Drops the records; the runs themselves are not undone.

DROP TABLE maintenance_runs;
