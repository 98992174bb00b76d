-- Version of the library and its clock. The migration ledger follows.
SELECT 'version', 'SQLite ' || sqlite_version(), CAST((julianday('now') - 2440587.5) * 86400.0 AS TEXT), '';
