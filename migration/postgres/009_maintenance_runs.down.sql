-- Drops the records of maintenance runs. The runs themselves are not undone.

DROP TABLE maintenance_runs;
