-- Version and clock of the server, in one fast round trip. The migration ledger follows.
SET LOCAL statement_timeout = '1s';
SET LOCAL lock_timeout = '500ms';
SELECT 'version', version(), extract(epoch FROM clock_timestamp())::text, '';
