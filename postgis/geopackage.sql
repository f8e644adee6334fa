-- feature_tables --
-- SQLite, inside a GeoPackage
SELECT table_name FROM gpkg_contents WHERE data_type = 'features' ORDER BY table_name

-- virtual_tables --
SELECT sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'
