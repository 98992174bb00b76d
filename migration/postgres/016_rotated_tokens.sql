-- migrate: compatible
--
-- A used refresh token and an ended one are two facts. `revoked` still means that a token cannot be used; `rotated_at` and
-- `replaced_by` say that it was used and which token follows it. A session lives as long as one of its tokens is neither revoked nor
-- expired. A token with `replaced_by` and without `rotated_at` was never used: the answer with it was lost, and another token took its
-- place. NULL in every new column is right for rows of an older replica.
--
-- Locks: ACCESS EXCLUSIVE on refresh_tokens for the moment of adding columns and constraints that nothing is checked for; 017
-- validates them. Undone by dropping the columns: a lost answer then ends a session again.

ALTER TABLE refresh_tokens
    ADD COLUMN rotated_at TIMESTAMPTZ,
    ADD COLUMN replaced_by BIGINT,
    ADD COLUMN access_used_at TIMESTAMPTZ,
    ADD COLUMN session_started_at TIMESTAMPTZ,
    ADD CONSTRAINT chk_refresh_tokens_rotated_at_range
        CHECK (rotated_at >= to_timestamp('-62135596800'::float8) AND rotated_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_refresh_tokens_access_used_at_range
        CHECK (access_used_at >= to_timestamp('-62135596800'::float8) AND access_used_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_refresh_tokens_session_started_at_range
        CHECK (session_started_at >= to_timestamp('-62135596800'::float8) AND session_started_at < to_timestamp('253402300800'::float8)) NOT VALID;

COMMENT ON COLUMN refresh_tokens.rotated_at IS 'when it was first used; NULL: never, or by an older version';
COMMENT ON COLUMN refresh_tokens.replaced_by IS 'id of the token that follows it; that row may be deleted';
COMMENT ON COLUMN refresh_tokens.access_used_at IS 'when the access token that was issued with it was first used on /api';
COMMENT ON COLUMN refresh_tokens.session_started_at IS 'when the session began; NULL: created_at counts';
