-- authsvc backup {"format":1,"backend":"sqlite","created_at":"2026-11-24T00:15:32.227508Z","migration":"009_maintenance_runs","version":"SQLite 3.51.3","app_version":"0.1.0+02add11b0674"}
-- authsvc data
INSERT INTO authsvc_migrations (version, checksum) VALUES
('a'||char(10)||'',''''||char(10)||'','''');
-- authsvc end {"tables":[{"name":"seaql_migrations","rows":8,"digest":"3f652291006a599910e2ba722ea9247f"},{"name":"authsvc_migrations","rows":8,"digest":"cda8a62458fda947e3127e61b44bf2c1"},{"name":"users","rows":13,"digest":"06cda0229cf8b732448dcba925d1fac6"},{"name":"oauth_providers","rows":4,"digest":"9ed58994d564f1897d83163af668f88a"},{"name":"refresh_tokens","rows":8,"digest":"d963ba01fbbeee363d3879899399c84d"},{"name":"auth_events","rows":0,"digest":"00000000000000000000000000000000"},{"name":"maintenance_runs","rows":0,"digest":"00000000000000000000000000000000"}]}
