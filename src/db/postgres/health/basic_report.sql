-- one round trip that touches next to nothing: the server's version and its clock; the migration ledger follows
SET LOCAL statement_timeout = '1s';
SET LOCAL lock_timeout = '500ms';
SELECT 'version', version(), extract(epoch FROM clock_timestamp())::text, '';
