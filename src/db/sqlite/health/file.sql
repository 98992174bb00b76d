-- Pages of the file, and its journal mode.
SELECT 'file', CAST(page_count AS TEXT), CAST(page_size AS TEXT), CAST(freelist_count AS TEXT), CAST(cache_size AS TEXT), journal_mode
FROM pragma_page_count, pragma_page_size, pragma_freelist_count, pragma_cache_size, pragma_journal_mode;
