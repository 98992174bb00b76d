//! Reads a backup from disk and compares it with its metadata, or with its own last line.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::content::{self, Content};
use super::error::{Error, shown};
use super::format::FORMAT;
use super::metadata::{self, Metadata};
use super::progress::{BackupEvent, BackupPhase, BackupProgress};
use super::row_digest::TableDigest;
use super::source::BackupSource;
use super::unreadable::Unreadable;

/// Result of a verification.
#[derive(Debug, Serialize)]
pub struct VerificationReport {
    /// Path of the file.
    pub file: String,
    /// True if the file is complete and undamaged, as far as the evidence shows.
    pub valid: bool,
    /// All reasons why the file is not valid.
    pub reasons: Vec<String>,
    /// Evidence that the file was compared with.
    pub evidence: Evidence,
    /// Metadata beside the file, if it can be read.
    pub metadata: Option<Metadata>,
    /// Time of the last successful test restore.
    pub verified_at: Option<DateTime<Utc>>,
}

/// Evidence that a file is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The metadata beside the file: size, checksum, row counts and digests.
    Metadata,
    /// The file's own last line, with row count and digest of each table. No metadata exists.
    LastLine,
    /// The grammar and the end of a plain dump. No metadata exists.
    EndOfDump,
    /// No evidence: the file cannot be read, and no metadata exists.
    None,
}

/// Verification report of a file, with its content.
pub(super) struct Examination {
    pub(super) report: VerificationReport,
    /// Content of the file. `None` if it could not be read to its end.
    pub(super) content: Option<Content>,
}

/// A file that may be restored.
pub(super) struct VerifiedFile {
    pub(super) content: Content,
    /// Warnings for the operator.
    pub(super) warnings: Vec<String>,
}

/// Verifies a backup against the metadata beside it. Without metadata, it is compared with its last line or the end of
/// the dump.
///
/// # Errors
/// Returns an error if the path is not a regular file.
pub fn verify(path: &Path, progress: &Arc<dyn BackupProgress>) -> Result<VerificationReport, Error> {
    Ok(examine(&BackupSource::open(path)?, path, progress).report)
}

/// Verifies an opened file against its metadata or its end, and returns its content.
pub(super) fn examine(source: &BackupSource, path: &Path, progress: &Arc<dyn BackupProgress>) -> Examination {
    let (metadata, content, reasons) = match metadata::find(path) {
        Ok(Some(metadata)) => {
            let (content, mut reasons) = match differences(source, &metadata, progress) {
                Ok(content) => (Some(content), Vec::new()),
                Err(reasons) => (None, reasons),
            };
            reasons.extend(is_of_another(path, &metadata));
            (Some(metadata), content, reasons)
        }
        Ok(None) => return examine_alone(source, path, progress),
        Err(reason) => (None, None, vec![reason]),
    };
    let verified_at = metadata.as_ref().and_then(|metadata| metadata.verified_at);
    let (file, valid, evidence) = (shown(path), reasons.is_empty(), Evidence::Metadata);
    Examination { report: VerificationReport { file, valid, reasons, evidence, metadata, verified_at }, content }
}

/// Verifies a file without metadata: a stream from `backup --output -`, or a plain dump.
fn examine_alone(source: &BackupSource, path: &Path, progress: &Arc<dyn BackupProgress>) -> Examination {
    let (content, reasons, evidence) = match read(source, None, progress) {
        Ok(content) => {
            let (reasons, evidence) = (against_footer(&content), evidence_of(&content));
            (Some(content), reasons, evidence)
        }
        Err(error) => (None, vec![error.to_string()], Evidence::None),
    };
    let (file, valid) = (shown(path), reasons.is_empty());
    let report = VerificationReport { file, valid, reasons, evidence, metadata: None, verified_at: None };
    Examination { report, content }
}

fn evidence_of(content: &Content) -> Evidence {
    if content.header.is_some() { Evidence::LastLine } else { Evidence::EndOfDump }
}

/// Verifies a file before a restore, against its metadata or, without metadata, against its own end. Returns its
/// content and warnings.
///
/// # Errors
/// Returns an error if the file is damaged, foreign or newer, or does not match its metadata.
pub(super) fn verify_for_restore(
    source: &BackupSource,
    path: &Path,
    progress: &Arc<dyn BackupProgress>,
) -> Result<VerifiedFile, Error> {
    let invalid = |reason: String| Error::Invalid { reasons: vec![reason] };
    let Some(metadata) = metadata::find(path).map_err(invalid)? else {
        let content = read(source, None, progress).map_err(Error::from)?;
        let reasons = against_footer(&content);
        let what = if content.header.is_some() { "only its own last line" } else { "only the end of the dump" };
        let warning = format!("no metadata exists beside the file: {what} shows that it is complete");
        let file = VerifiedFile { content, warnings: vec![warning] };
        return if reasons.is_empty() { Ok(file) } else { Err(Error::Invalid { reasons }) };
    };
    let content = match read(source, Some(metadata.uncompressed_size), progress) {
        Err(Unreadable::Newer(message)) => return Err(Error::Newer { message }),
        read => read.map_err(Error::from)?,
    };
    let mut reasons = against_metadata(&content, &metadata);
    reasons.extend(is_of_another(path, &metadata));
    if reasons.is_empty() {
        Ok(VerifiedFile { content, warnings: Vec::new() })
    } else {
        Err(Error::Invalid { reasons })
    }
}

impl From<Unreadable> for Error {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Newer(message) => Self::Newer { message },
            other => Self::Invalid { reasons: vec![other.to_string()] },
        }
    }
}

/// Reads a file and returns its content, or all differences from its metadata.
pub(super) fn differences(
    source: &BackupSource,
    metadata: &Metadata,
    progress: &Arc<dyn BackupProgress>,
) -> Result<Content, Vec<String>> {
    if metadata.format > FORMAT {
        return Err(vec![format!("it has format {}, this program knows up to {FORMAT}", metadata.format)]);
    }
    let content = read(source, Some(metadata.uncompressed_size), progress).map_err(|error| vec![error.to_string()])?;
    let reasons = against_metadata(&content, metadata);
    if reasons.is_empty() { Ok(content) } else { Err(reasons) }
}

fn read(
    source: &BackupSource,
    longest: Option<u64>,
    progress: &Arc<dyn BackupProgress>,
) -> Result<Content, Unreadable> {
    progress.event(BackupEvent::Phase(BackupPhase::Verifying(longest)));
    content::read(source.text()?, longest, progress)
}

fn is_of_another(path: &Path, metadata: &Metadata) -> Option<String> {
    let is_its_own = path.file_name().is_some_and(|name| name.to_string_lossy() == metadata.filename);
    (!is_its_own).then(|| format!("its metadata belongs to `{}`", metadata.filename.escape_default()))
}

fn against_metadata(content: &Content, metadata: &Metadata) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut compare = |what: &str, found: &dyn std::fmt::Display, expected: &dyn std::fmt::Display| {
        let (found, expected) = (found.to_string(), expected.to_string());
        if found != expected {
            reasons.push(format!("{what} is {found}, its metadata says {}", expected.escape_debug()));
        }
    };
    let yes_or_no = |compressed| if compressed { "gzip" } else { "none" };
    compare("its compression", &yes_or_no(content.compressed), &yes_or_no(metadata.compressed));
    compare("its size", &content.size, &metadata.size);
    compare("its uncompressed size", &content.uncompressed_size, &metadata.uncompressed_size);
    compare("its sha256", &content.sha256, &metadata.sha256);
    compare("its engine", &content.backend, &metadata.backend);
    compare("its migration", &content.schema_version.migration, &metadata.migration);
    let or_none = |id: Option<&String>| id.cloned().unwrap_or_else(|| "none".to_owned());
    let database_id = content.header.as_ref().and_then(|header| header.database_id.as_ref());
    compare("its database id", &or_none(database_id), &or_none(metadata.database_id.as_ref()));
    reasons.extend(against("its metadata", &content.digests(), &metadata.tables));
    reasons.extend(against_footer(content));
    reasons
}

/// Differences between the rows and the digests in the file's own last line.
pub(super) fn against_footer(content: &Content) -> Vec<String> {
    let told = content.footer.iter().map(|footer| against("its end", &content.digests(), &footer.tables));
    told.flatten().collect()
}

fn against(what: &str, found: &[TableDigest], told: &[TableDigest]) -> Option<String> {
    (found != told).then(|| format!("the rows differ from those that {what} names: {}", unequal(found, told)))
}

fn unequal(found: &[TableDigest], told: &[TableDigest]) -> String {
    let rows = |tables: &[TableDigest], name: &str| {
        tables.iter().find(|table| table.name == name).map_or("no".to_owned(), |table| table.rows.to_string())
    };
    let names = found.iter().chain(told).filter(|table| !(found.contains(table) && told.contains(table)));
    let mut texts: Vec<String> = names
        .map(|table| {
            let name = &table.name;
            format!("`{}` has {} rows, expected {}", name.escape_debug(), rows(found, name), rows(told, name))
        })
        .collect();
    texts.dedup();
    texts.join(", ")
}
