-- authsvc backup {"format":1,"backend":"sqlite","created_at":"2026-11-24T00:15:32.227508Z","migration":"009_maintenance_runs","version":"SQLite 3.51.3","app_version":"0.1.0+02add11b0674"}
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
(1,NULL,'2026-05-08T00:15:32.211993+00:00',NULL,'alan@example.com',1,0,3,'2026-10-25T00:15:32.211993+00:00',NULL,'$argon2id$v=19$m=19456,t=2,p=1$MpkMDqH/N7TIW4VCqDvbJA$4Yni2dhcJ2kFhSSx4D/6lMemgKcnTcCZfjy4EqyzJVY','email',NULL,'2026-11-24T00:15:32.211993+00:00','alan'),
(1,NULL,'2026-08-16T00:15:32.211993+00:00',NULL,'barbara@example.com',1,0,4,NULL,NULL,'$argon2id$v=19$m=19456,t=2,p=1$KyFNhQWflXUviULXQSLOwQ$Ojtbk+K+gQV5NAvo3zNAHLypBGkmBaBk8HmhD0u/BPs','email',NULL,'2026-11-24T00:15:32.211993+00:00','barbara'),
(1,NULL,'2026-11-22T00:15:32.211993+00:00',NULL,'linus@example.com',0,0,5,NULL,NULL,'$argon2id$v=19$m=19456,t=2,p=1$rboe9J+WNaY1bUYDqohT5A$b9D4hRMKDxSjU8LUAWPdW9QQtSqch+gsvzQ7Q8KbPjA','email',NULL,'2026-11-24T00:15:32.211993+00:00','linus'),
(1,'https://avatars.example.com/margaret.png','2026-11-23T23:15:32.211993+00:00',NULL,'margaret@example.com',0,0,6,'2026-11-24T00:05:32.211993+00:00',NULL,'$argon2id$v=19$m=19456,t=2,p=1$GDmbqkEDI7/curkw5dZKRw$dP4PZWcpqxqUKKPdMWNSlyGBmqfdttadaRj6q4z5RCY','email',NULL,'2026-11-24T00:15:32.211993+00:00','margaret'),
(0,NULL,'2025-07-12T00:15:32.211993+00:00',NULL,'edsger@example.com',1,0,7,'2026-07-27T00:15:32.211993+00:00',NULL,'$argon2id$v=19$m=19456,t=2,p=1$BnfT7NQ51Xb6icv+DoqAnw$wYFUWsOJVn5Q5Byc+6LrOvcgSI323bWprda4Zx5rezs','email',NULL,'2026-11-24T00:15:32.211993+00:00','edsger'),
(1,NULL,'2026-08-26T00:15:32.211993+00:00',NULL,'locked@example.com',1,5,8,'2026-11-17T00:15:32.211993+00:00','2026-11-24T01:15:32.211993+00:00','$argon2id$v=19$m=19456,t=2,p=1$08+b4+ukfDoFaKI7PMp/tA$hnB2PbDVTMsHeNICz1cSn77SYUVdlgl24Rqsn9Io0wU','email',NULL,'2026-11-24T00:15:32.211993+00:00','locked'),
(0,NULL,'2026-03-19T00:15:32.211993+00:00','2026-10-25T00:15:32.211993+00:00','deleted@example.com',1,0,9,'2026-09-25T00:15:32.211993+00:00',NULL,'$argon2id$v=19$m=19456,t=2,p=1$gDI3agetjq5uhJkibFZAhQ$rsNtef2LWkpjhsr7C3TEQB6Zu8WTH7sZgXo28lM6ZVU','email',NULL,'2026-11-24T00:15:32.211993+00:00','deleted'),
(1,'https://avatars.example.com/hedy.png','2026-06-27T00:15:32.211993+00:00',NULL,'hedy@example.com',1,0,10,'2026-11-23T23:55:32.211993+00:00',NULL,'','google','100000000000000000001','2026-11-24T00:15:32.211993+00:00','hedy'),
(1,NULL,'2026-09-05T00:15:32.211993+00:00',NULL,'katherine@example.com',1,0,11,'2026-11-22T00:15:32.211993+00:00',NULL,'','google','100000000000000000002','2026-11-24T00:15:32.211993+00:00','katherine'),
(1,'https://avatars.example.com/tim.png','2026-09-25T00:15:32.211993+00:00',NULL,'tim@example.com',1,0,12,'2026-11-23T00:15:32.211993+00:00',NULL,'','github','200001','2026-11-24T00:15:32.211993+00:00','tim'),
(1,NULL,'2026-10-10T00:15:32.211993+00:00',NULL,'radia@example.com',1,0,13,'2026-10-25T00:15:32.211993+00:00',NULL,'','github','200002','2026-11-24T00:15:32.211993+00:00','radia');
INSERT INTO oauth_providers (access_token, created_at, expires_at, id, key_id, provider, provider_id, refresh_token, updated_at, user_id) VALUES
('dev-google-access-1','2026-06-27T00:15:32.211993+00:00','2026-11-24T01:15:32.211993+00:00',1,NULL,'google','100000000000000000001','dev-google-refresh-1','2026-11-24T00:15:32.211993+00:00',10),
('dev-google-access-2','2026-09-05T00:15:32.211993+00:00','2026-11-24T00:20:32.211993+00:00',2,NULL,'google','100000000000000000002','dev-google-refresh-2','2026-11-24T00:15:32.211993+00:00',11),
('dev-github-access-1','2026-09-25T00:15:32.211993+00:00','2026-11-24T08:15:32.211993+00:00',3,NULL,'github','200001',NULL,'2026-11-24T00:15:32.211993+00:00',12),
('dev-github-access-2','2026-10-10T00:15:32.211993+00:00','2026-11-23T00:15:32.211993+00:00',4,NULL,'github','200002','dev-github-refresh-2','2026-11-24T00:15:32.211993+00:00',13);
INSERT INTO refresh_tokens (created_at, expires_at, family_id, id, revoked, revoked_at, token_hash, user_id) VALUES
('2026-11-23T00:15:32.211993+00:00','2026-11-30T00:15:32.211993+00:00',NULL,1,0,NULL,'925a60c6218951f08730fd41099e32760a962016c0c0e6a46cf5bb95aaab87a8',1),
('2026-11-24T00:10:32.211993+00:00','2026-12-01T00:15:32.211993+00:00',NULL,2,0,NULL,'c6b81c246fe40964b1761e21b47f3e33d98244d4e0c63b7e5c290ea23b6c7507',1),
('2026-11-21T00:15:32.211993+00:00','2026-11-28T00:15:32.211993+00:00',NULL,3,0,NULL,'29dc286d64cc902a4b0395da603f7aee8114958fc6ab538a941ebb1641888f58',2),
('2026-11-23T23:55:32.211993+00:00','2026-12-01T00:15:32.211993+00:00',NULL,4,0,NULL,'00c2bdf2f0b8bd664cf6a35f59de5d89e6e6e257ed489ff54213454c6e856a42',10),
('2026-10-25T00:15:32.211993+00:00','2026-11-01T00:15:32.211993+00:00',NULL,5,0,NULL,'bbcda7b3499cd12e5d904c4a069f6d13c2f2010cb343d3c2930051af7d85e4ab',3),
('2026-07-27T00:15:32.211993+00:00','2026-08-03T00:15:32.211993+00:00',NULL,6,0,NULL,'87b39cd3f298f518380b5bbffcbb3da772bd6fd050a83979bb86cd6775602122',7),
('2026-11-18T00:15:32.211993+00:00','2026-11-25T00:15:32.211993+00:00',NULL,7,1,'2026-11-21T00:15:32.211993+00:00','5448e5b9773a1457496241a22b85529c84de36617d6facaaa0cff29920f8f08f',2),
('2026-11-23T23:15:32.211993+00:00','2026-11-30T00:15:32.211993+00:00',NULL,8,1,'2026-11-24T00:05:32.211993+00:00','c14364199775cdbd280c7b5e084bfe24e6407320529fc969daf4cd8f520dde0d',6);
DELETE FROM sqlite_sequence WHERE name = 'oauth_providers';
INSERT INTO sqlite_sequence (name, seq) VALUES ('oauth_providers', 4);
DELETE FROM sqlite_sequence WHERE name = 'refresh_tokens';
INSERT INTO sqlite_sequence (name, seq) VALUES ('refresh_tokens', 8);
DELETE FROM sqlite_sequence WHERE name = 'users';
INSERT INTO sqlite_sequence (name, seq) VALUES ('users', 13);
COMMIT;
-- authsvc end {"tables":[{"name":"seaql_migrations","rows":8,"digest":"3f652291006a599910e2ba722ea9247f"},{"name":"authsvc_migrations","rows":8,"digest":"cda8a62458fda947e3127e61b44bf2c1"},{"name":"users","rows":13,"digest":"06cda0229cf8b732448dcba925d1fac6"},{"name":"oauth_providers","rows":4,"digest":"9ed58994d564f1897d83163af668f88a"},{"name":"refresh_tokens","rows":8,"digest":"d963ba01fbbeee363d3879899399c84d"},{"name":"auth_events","rows":0,"digest":"00000000000000000000000000000000"},{"name":"maintenance_runs","rows":0,"digest":"00000000000000000000000000000000"}]}
