-- authsvc backup {"format":1,"backend":"postgres","created_at":"2026-11-24T00:15:32.145803Z","migration":"009_maintenance_runs","version":"PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14+deb12u1) 12.2.0, 64-bit","app_version":"0.1.0+02add11b0674"}
-- authsvc data
INSERT INTO users (id) VALUES
(1);
-- authsvc end {"tables":[{"name":"seaql_migrations","rows":8,"digest":"ef1970386f859af1aae3d172d66626c1"},{"name":"authsvc_migrations","rows":8,"digest":"d7077571520136ec421fa47b2fcda1ff"},{"name":"users","rows":13,"digest":"7276e0b785fdfaab9626500b2d0a6dd7"},{"name":"oauth_providers","rows":4,"digest":"28ed64e64700a9af90f8ebce5b2ddd13"},{"name":"refresh_tokens","rows":8,"digest":"e1a1e28d72fc47e7df1d6ad9d64d2ab0"},{"name":"auth_events","rows":0,"digest":"00000000000000000000000000000000"},{"name":"maintenance_runs","rows":0,"digest":"00000000000000000000000000000000"}]}
