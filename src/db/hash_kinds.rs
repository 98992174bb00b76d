//! Lists the kinds of password hashes in use.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Error, Pool};

/// Maximum number of kinds that are returned.
const MOST: u32 = 32;

impl Pool {
    /// Returns the beginnings of the accounts' hashes, such as `$2b$12$` or `$argon2id$v=19$m=19456,t=2,p=1`, each kind
    /// once. It reads the whole table.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
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
