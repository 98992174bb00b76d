-- Version and clock of the server, in one fast round trip. The migration ledger follows.
SET LOCAL statement_timeout = '1s';
SET LOCAL lock_timeout = '500ms';
SELECT 'server', json_build_object('version', version(), 'clock', extract(epoch FROM clock_timestamp()));
