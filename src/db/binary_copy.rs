//! PostgreSQL's two formats of COPY, each made of the other: reading and printing texts is most of what rows cost the server.

mod parse;
mod print;

pub use parse::{BEGIN, END, parse};
pub use print::{Malformed, after_header, can_print, is_trailer, print};
