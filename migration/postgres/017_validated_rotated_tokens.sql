-- migrate: compatible
--
-- Validates the constraints of 016.
--
-- Locks: SHARE UPDATE EXCLUSIVE while refresh_tokens is read once, which blocks neither reads nor writes. Undone by adding the
-- constraints without validation.

ALTER TABLE refresh_tokens VALIDATE CONSTRAINT chk_refresh_tokens_rotated_at_range;
ALTER TABLE refresh_tokens VALIDATE CONSTRAINT chk_refresh_tokens_access_used_at_range;
ALTER TABLE refresh_tokens VALIDATE CONSTRAINT chk_refresh_tokens_session_started_at_range;
