-- the library's version and its clock; the migration ledger follows
SELECT 'pulse', 'SQLite ' || sqlite_version(), CAST((julianday('now') - 2440587.5) * 86400.0 AS TEXT), '';
