//! Number of connections of a pool.

/// Usage of a pool, in connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// Connections that are in use.
    pub in_use: u32,
    /// Connections that are in use or idle.
    pub open: u32,
    /// Maximum number of connections.
    pub most: u32,
}

impl PoolUsage {
    /// Returns the usage of a pool. `kept` of its leased connections are idle.
    pub(super) fn of<D: sqlx::Database>(pool: &sqlx::Pool<D>, kept: usize) -> Self {
        let idle = u32::try_from(pool.num_idle() + kept).unwrap_or(u32::MAX);
        let open = pool.size();
        Self { in_use: open.saturating_sub(idle), open, most: pool.options().get_max_connections() }
    }
}
