-- Version of the library and its clock. The migration ledger follows.
SELECT 'server', json_object('version', 'SQLite ' || sqlite_version(), 'clock', (julianday('now') - 2440587.5) * 86400.0);
