-- authsvc backup {"format":1,"backend":"postgres","created_at":"2026-11-24T00:15:32.227508Z","migration":"009_maintenance_runs","version":"SQLite 3.51.3","app_version":"0.1.0+02add11b0674"}
-- authsvc data
INSERT INTO seaql_migrations (version, applied_at) VALUES
('001_initial_schema',1795479332),
('002_add_indexes',1795479332),
('004_enhanced_indexes',1795479332),
('005_next_tables',1795479332),
('006_copy_rows',1795479332),
('007_switch_tables',1795479332),
('008_auth_events',1795479332),
('009_maintenance_runs',1795479332);
INSERT INTO authsvc_migrations (version, checksum, kind, compatible, applied_at, duration_ms, app_version) VALUES
('001_initial_schema','26de2048824b88f51f38de575b5dec1216501864ee37ac16e41da3d1246ea63a','applied',0,1795479332,1,'0.1.0+02add11b0674'),
('002_add_indexes','6e6d54372529d35f10dbee735abc1f0408d1797d28632c8cfd099e234875c0b6','applied',0,1795479332,2,'0.1