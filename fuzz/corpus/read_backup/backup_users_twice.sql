-- authsvc backup {"format":1,"backend":"postgres","created_at":"2026-11-24T00:15:32.145803Z","migration":"009_maintenance_runs","version":"PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14+deb12u1) 12.2.0, 64-bit","app_version":"0.1.0+02add11b0674"}
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
f	https://avatars.example.com/ada.png	2025-10-20 00:15:32.11845+00	\N	ada@example.com	t	0	1	2026-11-24 00:10:32.11845+00	\N	$argon2id$v=19$m=19456,t=2,p=1$BXFXprNpLP5xNNHldA42bQ$z4F5aXIavkFbkVvAxTteVnOVugesTdNhOZJg1nqnhaw	email	\N	2026-11-24 00:15:32.11845+00	ada
f	https://avatars.example.com/grace.png	2026-01-28 00:15:32.11845+00	\N	grace@example.com	t	0	2	2026-11-21 00:15:32.11845+00	\N	$argon2id$v=19$m=19456,t=2,p=1$LEJ3nfVJ5w/mflXy3MDL+Q$JfTkrRO1G2sdtt4zuTo0A3ByP5Nwz9/lNfJ2voHabqo	email	\N	2026-11-24 00:15:32.11845+00	grace
f	\N	2026-05-08 00:15:32.11845+00	\N	alan@example.com	t	0	3	2026-10-25 00:15:32.11845+00	\N	$argon2id$v=19$m=19456,t=2,p=1$MpkMDqH/N7TIW4VCqDvbJA$4Yni2dhcJ2kFhSSx4D/
\.
COPY users (id) FROM stdin;
1
\.
-- authsvc end {"tables":[{"name":"seaql_migrations","rows":8,"digest":"ef1970386f859af1aae3d172d66626c1"},{"name":"authsvc_migrations","rows":8,"digest":"d7077571520136ec421fa47b2fcda1ff"},{"name":"users","rows":13,"digest":"7276e0b785fdfaab9626500b2d0a6dd7"},{"name":"oauth_providers","rows":4,"digest":"28ed64e64700a9af90f8ebce5b2ddd13"},{"name":"refresh_tokens","rows":8,"digest":"e1a1e28d72fc47e7df1d6ad9d64d2ab0"},{"name":"auth_events","rows":0,"digest":"00000000000000000000000000000000"},{"name":"maintenance_runs","rows":0,"digest":"00000000000000000000000000000000"}]}
