//! Which kinds of password hashes are in use.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Error, Pool};

/// Kinds that are returned at most.
const MOST: u32 = 32;

impl Pool {
    /// How the hashes of accounts begin: `$2b$12$`, or `$argon2id$v=19$m=19456,t=2,p=1`; each kind once. Reads the whole table.
    ///
    /// # Errors
    /// What the database said.
    pub async fn hash_kinds(&self) -> Result<Vec<String>, Error> {
        let backend = self.runner().get_database_backend();
        let position = if backend == DbBackend::Sqlite { "instr" } else { "strpos" };
        let sql = format!(
            "SELECT DISTINCT CASE WHEN password_hash LIKE '$2%' THEN substr(password_hash, 1, 7) \
             ELSE substr(password_hash, 1, {position}(password_hash, ',p=') + 3) END AS kind \
             FROM users WHERE deleted_at IS NULL AND password_hash LIKE '$%' LIMIT {MOST}"
        );
        let rows = self.runner().query_all_raw(Statement::from_string(backend, sql)).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }
}
