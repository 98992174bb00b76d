-- migrate: compatible
--
-- A used refresh token and an ended one are two facts. `revoked` still means that a token cannot be used; `rotated_at` and
-- `replaced_by` say that it was used and which token follows it. A session lives as long as one of its tokens is neither revoked nor
-- expired. A token with `replaced_by` and without `rotated_at` was never used: the answer with it was lost, and another token took its
-- place. NULL in every new column is right for rows of an older replica.
--
-- Undone by dropping the columns: a lost answer then ends a session again.

ALTER TABLE refresh_tokens ADD COLUMN rotated_at TEXT CHECK (
    rotated_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(rotated_at, 1, 19), '+0 days') IS substr(rotated_at, 1, 19)
    AND rotated_at >= '0001' AND (substr(rotated_at, 20) = '+00:00' OR substr(rotated_at, 20) GLOB '.*+00:00' AND substr(rotated_at, 21, length(rotated_at) - 26) NOT GLOB '*[^0-9]*')
);
ALTER TABLE refresh_tokens ADD COLUMN replaced_by INTEGER CHECK (typeof(replaced_by) IN ('integer', 'null'));
ALTER TABLE refresh_tokens ADD COLUMN access_used_at TEXT CHECK (
    access_used_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(access_used_at, 1, 19), '+0 days') IS substr(access_used_at, 1, 19)
    AND access_used_at >= '0001' AND (substr(access_used_at, 20) = '+00:00' OR substr(access_used_at, 20) GLOB '.*+00:00' AND substr(access_used_at, 21, length(access_used_at) - 26) NOT GLOB '*[^0-9]*')
);
ALTER TABLE refresh_tokens ADD COLUMN session_started_at TEXT CHECK (
    session_started_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(session_started_at, 1, 19), '+0 days') IS substr(session_started_at, 1, 19)
    AND session_started_at >= '0001' AND (substr(session_started_at, 20) = '+00:00' OR substr(session_started_at, 20) GLOB '.*+00:00' AND substr(session_started_at, 21, length(session_started_at) - 26) NOT GLOB '*[^0-9]*')
);
