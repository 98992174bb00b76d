-- authsvc backup {"format":1,"backend":"sqlite","created_at":"2026-11-24T00:15:32.227508Z","migration":"008_auth_events","version":"SQLite 3.51.3","app_version":"0.1.0+02add11b0674"}
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
('002_add_indexes','6e6d54372529d35f10dbee735abc1f0408d1797d28632c8cfd099e234875c0b6','applied',0,1795479332,2,'0.1.0+02add11b0674'),
('004_enhanced_indexes','5c3b8acc3f70866533a24e549489c729b28b5987eededf16e69a189b102caf71','applied',0,1795479332,1,'0.1.0+02add11b0674'),
('005_next_tables','0ca2c0f43fdea58b4822c005fff9a303a4cb7c822f3cb2f212b11110c7a81d65','applied',0,1795479332,0,'0.1.0+02add11b0674'),
('006_copy_rows','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855','applied',0,1795479332,0,'0.1.0+02add11b0674'),
('007_switch_tables','1c6ca0365681e935d7a0cb9f7c9c457a8a709992fc36da4b3dc23b2d75c33af4','applied',0,1795479332,7,'0.1.0+02add11b0674'),
('008_auth_events','c05e19cdef77a116458dab3eeb6f0afee4801b1bd180401dd47513e5dfcd8c9c','applied',1,1795479332,0,'0.1.0+02add11b0674'),
('009_maintenance_runs','c1669888c9a92501806b00ed27d565f3ebe2ac63623c830671b2d221223b09c1','applied',1,1795479332,0,'0.1.0+02add11b0674');
INSERT INTO users (active, avatar_url, created_at, deleted_at, email, email_verified, failed_login_count, id, last_login, locked_until, password_hash, provider, provider_id, updated_at, username) VALUES
(1,'https://avatars.example.com/ada.png','2025-10-20T00:15:32.211993+00:00',NULL,'ada@example.com',1,0,1,'2026-11-24T00:10:32.211993+00:00',NULL,'$argon2id$v=19$m=19456,t=2,p=1$BXFXprNpLP5xNNHldA42bQ$z4F5aXIavkFbkVvAxTteVnOVugesTdNhOZJg1nqnhaw','email',NULL,'2026-11-24T00:15:32.211993+00:00','ada'),
(1,'https://avatars.example.com/grace.png','2026-01-28T00:15:32.211993+00:00',NULL,'grace@example.com',1,0,2,'2026-11-21T00:15:32.211993+00:00',NULL,'$argon2id$v=19$m=19456,t=2,p=1$LEJ3nfVJ5w/mflXy3MDL+Q$JfTkrRO1G2sdtt4zuTo0A3ByP5Nwz9/lNfJ2voHabqo','email',NULL,'2026-11-24T00:15:32.211993+00:00','grace'),
(1,NULL,'2026-05-08T00:15:32.211993+00:00',NULL,'alan@example.c
