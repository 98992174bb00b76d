//! Converts between PostgreSQL's binary and text formats of COPY. Converting here saves the server most of its work for
//! each row.

mod parse;
mod print;

pub use parse::{BEGIN, END, parse};
pub use print::{Malformed, after_header, can_print, is_trailer, print};
