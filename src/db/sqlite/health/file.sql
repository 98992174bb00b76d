-- Pages of the file, and its journal mode.
SELECT 'file', json_object('page_count', page_count, 'page_size', page_size, 'freelist_count', freelist_count, 'cache_size', cache_size,
                           'journal_mode', journal_mode)
FROM pragma_page_count, pragma_page_size, pragma_freelist_count, pragma_cache_size, pragma_journal_mode;
