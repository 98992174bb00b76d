//! `pg_stat_statements`, under the names its columns have in this version, where it is installed.

use super::facts::{Fact, Facts};
use super::report::Statement;
use super::survey::Survey;
use super::thresholds::Thresholds;
use crate::db::{Backend, Connection, Error};

/// Fills in what the statements took; `facts` tell where the statistics are.
pub(super) async fn read(
    connection: &mut Connection,
    facts: &Facts,
    thresholds: &Thresholds,
    survey: &mut Survey,
) -> Result<(), Error> {
    let backend = connection.backend();
    if backend == Backend::Sqlite {
        return Ok(());
    }
    let found = facts.one("statements");
    let (Some(schema), Some(time)) = (found.text(0), found.text(1)) else {
        missing(
            survey,
            "pg_stat_statements is not installed; add it to shared_preload_libraries and run CREATE EXTENSION pg_stat_statements",
        );
        return Ok(());
    };
    let slow_ms = thresholds.slow_query.as_secs_f64() * 1000.0;
    let (rows, failure) = connection.gather(backend.read_statements(schema, time, slow_ms)).await;
    match failure {
        Some(error) if error.is_transient() => return Err(error),
        Some(error) => {
            missing(survey, &format!("pg_stat_statements: {error}"));
            return Ok(());
        }
        None => {}
    }
    let facts = Facts::new(rows);
    let statistics = facts.one("statistics");
    survey.slow_queries = statistics.number(0);
    survey.mean_query_ms = statistics.number(1);
    survey.queries.slowest = Some(facts.all("statement").filter_map(statement).collect());
    if let Some(hidden) = statistics.number::<u64>(2).filter(|hidden| *hidden > 0) {
        let why = format!("slowest: without {hidden} statements of other roles; GRANT pg_read_all_stats TO this one");
        survey.warnings.push(why);
    }
    if survey.mean_query_ms.is_none() {
        survey.no_statements = Some("pg_stat_statements has counted nothing in this database yet".to_owned());
    }
    Ok(())
}

fn missing(survey: &mut Survey, why: &str) {
    survey.no_statements = Some(why.to_owned());
    survey.warnings.push(format!("slowest: {why}"));
}

fn statement(fact: Fact<'_>) -> Option<Statement> {
    Some(Statement {
        query: fact.string(0),
        calls: fact.number(1)?,
        mean_ms: fact.number(2)?,
        total_ms: fact.number(3)?,
    })
}
