-- one round trip that touches next to nothing: the server's version, its clock, and the migration ledger
SET LOCAL statement_timeout = '1s';
SET LOCAL lock_timeout = '500ms';
SELECT 'pulse', version(), extract(epoch FROM clock_timestamp())::text;
