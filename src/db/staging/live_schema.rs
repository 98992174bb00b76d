//! Schema that a restore replaces, and the report of the swap.

use std::time::Duration;

/// Tables, functions and sequences of one state of the schema.
#[derive(Debug, Clone, Default)]
pub struct SchemaObjects {
    /// Names of the tables.
    pub tables: Vec<String>,
    /// Functions as `name(types)`; empty on SQLite.
    pub functions: Vec<String>,
    /// Names of the sequences; empty on SQLite.
    pub sequences: Vec<String>,
}

/// Schema of a database that a restore replaces.
#[derive(Debug, Clone)]
pub struct LiveSchema {
    /// All objects of the program that may exist: those of the database's own history, and those of the newest
    /// migrations.
    pub objects: SchemaObjects,
    /// Statements that create the live schema; empty if the database has no objects of the program.
    pub made_by: String,
    /// Statements that upgrade the live schema to the newest one.
    pub newer: String,
    /// Origin of the live schema.
    pub origin: SchemaOrigin,
}

/// Origin of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaOrigin {
    /// This program's migrations created all of it.
    Migrated,
    /// The program adopted the schema. Its objects are equal, but their definitions may be written differently.
    TakenOver,
}

/// Result of a swap.
#[derive(Debug, Default)]
pub struct SwapReport {
    /// Time for which readers may have waited.
    pub duration: Duration,
    /// Warnings for the operator that are no failures.
    pub warnings: Vec<String>,
}
