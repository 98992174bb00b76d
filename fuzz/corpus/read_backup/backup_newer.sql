-- authsvc backup {"format":2,"backend":"postgres","created_at":"2026-11-24T00:15:32.145803Z","migration":"009_maintenance_runs","version":"PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14+deb12u1) 12.2.0, 64-bit","app_version":"0.1.0+02add11b0674"}
-- authsvc data
COPY seaql_migrations (version, applied_at) FROM stdin;
001_initial_schema	1795479331
002_add_indexes	1795479332
004_enhanced_indexes	1795479332
005_next_tables	1795479332
006_copy_rows	1795479332
007_switch_tables	1795479332
008_auth_events	1795479332
009_maintenance_runs	1795479332
\.
COPY authsvc_migrations (version, checksum, kind, compatible, applied_at, duration_ms, app_version) FROM stdin;
001_initial_schema	326572a70bbb1f078ad2182e95f443972c680b29a1376b310229f82c64c458b1	applied	f	1795479331	17	0.1.0+02add11b0674
002_add_indexes	6e6d54372529d35f10dbee735abc1f0408d1797d28632c8cfd099e234875c0b6	applied	f	1795479332	22	0.1.0+02add11b0674
004_enhanced_indexes	f1057f8a1cc3cd3e0a5bb452c8dcff652882a6e415ef6ca6fd39c39d572b796e	applied	f	1795479332	10	0.1.0+02add11b0674
005_next_tables	0b564e7e819fd8cb2a430a092ed866d65dc936aef30e0057bae058ed7e27f620	applied	f	1795479332	20	0.1.0+02add11b0674
006_copy_rows	e28a8bcb2ad57144505131876f1a9c64da98c143dc92096463bac84b8f12196a	applied	f	1795479332	21	0.1.0+02add11b0674
007_switch_tables	30c534884276d5ac604728d725aada15decf6b9e47997ba19e9cbd128db0dffb	applied	f	1795479332	7	0.1.0+02add11b0674
008_auth_events	4a684b5467a476306e8308380e331e10c6bceb8bc99d74996f71ca6c539115db	applied	t	1795479332	6	0.1.0+02add11b0674
009_maintenance_runs	06ab6b17ec1c9d9dd2bcc2d384de0ab85bf5ac768d5a08dbe29cf0f56d196afc	applied	t	1795479332	4	0.1.0+02add11b0674
\.
COPY users (active, avatar_url, created_at, deleted_at, email, email_verified, failed_login_count, id, last_login, locked_until, password_hash, provider, provider_id, updated_at, username) FROM stdin;
t	https://avatars.example.com/ada.png	2025-10-20 00:15:32.11845+00	\N	ada@example.com	t	0	1	2026-11-24 00:10:32.11845+00	\N	$argon2id$v=19$m=19456,t=2,p=1$BXFXprNpLP5xNNHldA42bQ$z4F5aXIavkFbkVvAxTteVnOVugesTdNhOZJg1nqnhaw	email	\N	2026-11-24 00:15:32.11845+00	ada
t	https://avatars.example.com/grace.png	2026-01-28 00:15:32.11845+00	\N	grace@example.com	t	0	2	2026-11-21 00:15:32.11845+00	\N	$argon2id$v=19$m=19456,t=2,p=1$LEJ3nfVJ5w/mflXy3MDL+Q$JfTkrRO1G2sdtt4zuTo0A3ByP5Nwz9/lNfJ2voHabqo	email	\N	2026-11-24 00:15:32.11845+00	grace
t	\N	2026-05-08 00:15:32.11845+00	\N	alan@example.com	t	0	3	2026-10-25 00:15:32.11845+00	\N	$argon2id$v=19$m=19456,t=2,p=1$MpkMDqH/N7TIW4VCqDvbJA$4Yni2dhcJ2kFhSSx4D/6lMemgKcnTcCZfjy4EqyzJVY	email	\N	2026-11-24 00:15:32.11845+00	alan
t	\N	2026-08-16 00:15:32.11845+00	\N	barbara@example.com	t	0	4	\N	\N	$argon2id$v=19$m=19456,t=2,p=1$KyFNhQWflXUviULXQSLOwQ$Ojtbk+K+gQV5NAvo3zNAHLypBGkmBaBk8HmhD0u/BPs	email	\N	2026-11-24 00:15:32.11845+00	barbara
t	\N	2026-11-22 00:15:32.11845+00	\N	linus@example.com	f	0	5	\N	\N	$argon2id$v=19$m=19456,t=2,p=1$rboe9J+WNaY1bUYDqohT5A$b9D4hRMKDxSjU8LUAWPdW9QQtSqch+gsvzQ7Q8KbPjA	email	\N	2026-11-24 00:15:32.11845+00	linus
t	https://avatars.example.com/margaret.png	2026-11-23 23:15:32.11845+00	\N	margaret@example.com	f	0	6	2026-11-24 00:05:32.11845+00	\N	$argon2id$v=19$m=19456,t=2,p=1$GDmbqkEDI7/curkw5dZKRw$dP4PZWcpqxqUKKPdMWNSlyGBmqfdttadaRj6q4z5RCY	email	\N	2026-11-24 00:15:32.11845+00	margaret
f	\N	2025-07-12 00:15:32.11845+00	\N	edsger@example.com	t	0	7	2026-07-27 00:15:32.11845+00	\N	$argon2id$v=19$m=19456,t=2,p=1$BnfT7NQ51Xb6icv+DoqAnw$wYFUWsOJVn5Q5Byc+6LrOvcgSI323bWprda4Zx5rezs	email	\N	2026-11-24 00:15:32.11845+00	edsger
t	\N	2026-08-26 00:15:32.11845+00	\N	locked@example.com	t	5	8	2026-11-17 00:15:32.11845+00	2026-11-24 01:15:32.11845+00	$argon2id$v=19$m=19456,t=2,p=1$08+b4+ukfDoFaKI7PMp/tA$hnB2PbDVTMsHeNICz1cSn77SYUVdlgl24Rqsn9Io0wU	email	\N	2026-11-24 00:15:32.11845+00	locked
f	\N	2026-03-19 00:15:32.11845+00	2026-10-25 00:15:32.11845+00	deleted@example.com	t	0	9	2026-09-25 00:15:32.11845+00	\N	$argon2id$v=19$m=19456,t=2,p=1$gDI3agetjq5uhJkibFZAhQ$rsNtef2LWkpjhsr7C3TEQB6Zu8WTH7sZgXo28lM6ZVU	email	\N	2026-11-24 00:15:32.11845+00	deleted
t	https://avatars.example.com/hedy.png	2026-06-27 00:15:32.11845+00	\N	hedy@example.com	t	0	10	2026-11-23 23:55:32.11845+00	\N		google	100000000000000000001	2026-11-24 00:15:32.11845+00	hedy
t	\N	2026-09-05 00:15:32.11845+00	\N	katherine@example.com	t	0	11	2026-11-22 00:15:32.11845+00	\N		google	100000000000000000002	2026-11-24 00:15:32.11845+00	katherine
t	https://avatars.example.com/tim.png	2026-09-25 00:15:32.11845+00	\N	tim@example.com	t	0	12	2026-11-23 00:15:32.11845+00	\N		github	200001	2026-11-24 00:15:32.11845+00	tim
t	\N	2026-10-10 00:15:32.11845+00	\N	radia@example.com	t	0	13	2026-10-25 00:15:32.11845+00	\N		github	200002	2026-11-24 00:15:32.11845+00	radia
\.
COPY oauth_providers (access_token, created_at, expires_at, id, key_id, provider, provider_id, refresh_token, updated_at, user_id) FROM stdin;
dev-google-access-1	2026-06-27 00:15:32.11845+00	2026-11-24 01:15:32.11845+00	1	\N	google	100000000000000000001	dev-google-refresh-1	2026-11-24 00:15:32.11845+00	10
dev-google-access-2	2026-09-05 00:15:32.11845+00	2026-11-24 00:20:32.11845+00	2	\N	google	100000000000000000002	dev-google-refresh-2	2026-11-24 00:15:32.11845+00	11
dev-github-access-1	2026-09-25 00:15:32.11845+00	2026-11-24 08:15:32.11845+00	3	\N	github	200001	\N	2026-11-24 00:15:32.11845+00	12
dev-github-access-2	2026-10-10 00:15:32.11845+00	2026-11-23 00:15:32.11845+00	4	\N	github	200002	dev-github-refresh-2	2026-11-24 00:15:32.11845+00	13
\.
COPY refresh_tokens (created_at, expires_at, family_id, id, revoked, revoked_at, token_hash, user_id) FROM stdin;
2026-11-23 00:15:32.11845+00	2026-11-30 00:15:32.11845+00	\N	1	f	\N	925a60c6218951f08730fd41099e32760a962016c0c0e6a46cf5bb95aaab87a8	1
2026-11-24 00:10:32.11845+00	2026-12-01 00:15:32.11845+00	\N	2	f	\N	c6b81c246fe40964b1761e21b47f3e33d98244d4e0c63b7e5c290ea23b6c7507	1
2026-11-21 00:15:32.11845+00	2026-11-28 00:15:32.11845+00	\N	3	f	\N	29dc286d64cc902a4b0395da603f7aee8114958fc6ab538a941ebb1641888f58	2
2026-11-23 23:55:32.11845+00	2026-12-01 00:15:32.11845+00	\N	4	f	\N	00c2bdf2f0b8bd664cf6a35f59de5d89e6e6e257ed489ff54213454c6e856a42	10
2026-10-25 00:15:32.11845+00	2026-11-01 00:15:32.11845+00	\N	5	f	\N	bbcda7b3499cd12e5d904c4a069f6d13c2f2010cb343d3c2930051af7d85e4ab	3
2026-07-27 00:15:32.11845+00	2026-08-03 00:15:32.11845+00	\N	6	f	\N	87b39cd3f298f518380b5bbffcbb3da772bd6fd050a83979bb86cd6775602122	7
2026-11-18 00:15:32.11845+00	2026-11-25 00:15:32.11845+00	\N	7	t	2026-11-21 00:15:32.11845+00	5448e5b9773a1457496241a22b85529c84de36617d6facaaa0cff29920f8f08f	2
2026-11-23 23:15:32.11845+00	2026-11-30 00:15:32.11845+00	\N	8	t	2026-11-24 00:05:32.11845+00	c14364199775cdbd280c7b5e084bfe24e6407320529fc969daf4cd8f520dde0d	6
\.
ALTER TABLE seaql_migrations ENABLE TRIGGER USER;
ALTER TABLE authsvc_migrations ENABLE TRIGGER USER;
ALTER TABLE users ENABLE TRIGGER USER;
ALTER TABLE oauth_providers ENABLE TRIGGER USER;
ALTER TABLE refresh_tokens ENABLE TRIGGER USER;
ALTER TABLE auth_events ENABLE TRIGGER USER;
ALTER TABLE maintenance_runs ENABLE TRIGGER USER;
SELECT setval('auth_events_id_seq', 1, false);
SELECT setval('maintenance_runs_id_seq', 1, false);
SELECT setval('oauth_providers_id_seq', 4, true);
SELECT setval('refresh_tokens_id_seq', 8, true);
SELECT setval('users_id_seq', 13, true);
COMMIT;
-- authsvc end {"tables":[{"name":"seaql_migrations","rows":8,"digest":"ef1970386f859af1aae3d172d66626c1"},{"name":"authsvc_migrations","rows":8,"digest":"d7077571520136ec421fa47b2fcda1ff"},{"name":"users","rows":13,"digest":"7276e0b785fdfaab9626500b2d0a6dd7"},{"name":"oauth_providers","rows":4,"digest":"28ed64e64700a9af90f8ebce5b2ddd13"},{"name":"refresh_tokens","rows":8,"digest":"e1a1e28d72fc47e7df1d6ad9d64d2ab0"},{"name":"auth_events","rows":0,"digest":"00000000000000000000000000000000"},{"name":"maintenance_runs","rows":0,"digest":"00000000000000000000000000000000"}]}
