-- authsvc backup {"format":99999999999,"backend":"postgres","created_at":"2026-11-24T00:15:32.145803Z","migration":"009_maintenance_runs","version":"PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14+deb12u1) 12.2.0, 64-bit","app_version":"0.1.0+02add11b0674"}
-- authsvc data
COPY seaql_migrations (version, applied_at) FROM stdin;
001_initial_schema	1795479331
002_add_indexes	1795479332
004_enhanced_indexes	1795479332
005_next_tables	1795479332
006_copy_rows	1795479332
007_switch_tables	1795479332
008_auth_events	1795479332
009_maintenance_runs