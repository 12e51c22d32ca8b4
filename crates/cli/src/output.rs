//! Results on stdout, everything else on stderr.
//!
//! With `--json` a result is one JSON object a line. Without it, tables for people: texts that come from others lose
//! their control characters, so that nobody can write with them into somebody's terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use crate::error::CliError;

/// Redraws of a progress bar in a second.
const REDRAWS_HZ: u8 = 10;

/// Where results and remarks go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Output { json }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result: the object with `--json`, else the text.
    pub(crate) fn result(
        self,
        object: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        if self.json {
            self.object(object)
        } else {
            self.line(&text())
        }
    }

    /// Prints one JSON object on a line.
    pub(crate) fn object(self, object: &impl Serialize) -> Result<(), CliError> {
        let mut line = serde_json::to_vec(object).map_err(|e| CliError::Output(e.into()))?;
        line.push(b'\n');
        self.bytes(&line)
    }

    /// Prints a line of text to stdout.
    pub(crate) fn line(self, text: &str) -> Result<(), CliError> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Writes bytes to stdout as they are.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(CliError::Output)
    }

    /// A remark on stderr.
    pub(crate) fn remark(self, text: &str) {
        to_stderr(text);
    }

    /// Prints rows: NDJSON, or a table with what stands under it when there are none.
    pub(crate) fn rows<T: Serialize>(
        self,
        rows: &[T],
        table: impl FnOnce(&[T]) -> Table,
        none: &str,
    ) -> Result<(), CliError> {
        if self.json {
            return rows.iter().try_for_each(|row| self.object(row));
        }
        if rows.is_empty() {
            self.remark(none);
            return Ok(());
        }
        self.bytes(table(rows).render().as_bytes())
    }

    /// Prints an error: text with advice, or with `--json` an object too; both on stderr.
    pub(crate) fn error(self, error: &CliError) {
        if self.json {
            to_stderr(&error_object(error.code(), &error.message(), error.field()).to_string());
            return;
        }
        to_stderr(&format!("error: {}", plain(&error.message())));
        if let Some(advice) = error.advice() {
            to_stderr(&format!("  {advice}"));
        }
    }

    /// A progress bar on stderr where a person watches, else none.
    pub(crate) fn progress(self, total: u64, what: &str) -> ProgressBar {
        if self.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {elapsed}")
            .expect("the template is well formed");
        let bar = ProgressBar::with_draw_target(
            Some(total),
            ProgressDrawTarget::stderr_with_hz(REDRAWS_HZ),
        )
        .with_style(style)
        .with_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

/// Writes a line to stderr. Where nobody reads it any more, there is nobody to tell.
pub(crate) fn to_stderr(line: &str) {
    match writeln!(io::stderr(), "{line}") {
        Ok(()) | Err(_) => {}
    }
}

/// `{"error":{"code","message","field"?}}`
pub(crate) fn error_object(code: &str, message: &str, field: Option<&str>) -> serde_json::Value {
    let mut error = json!({ "code": code, "message": message });
    if let Some(field) = field {
        error["field"] = field.into();
    }
    json!({ "error": error })
}

/// Text of others without control and direction characters.
pub(crate) fn plain(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if hidden(c) { ' ' } else { c })
        .collect()
}

/// A table of texts.
#[derive(Debug)]
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// Characters of a cell that are printed.
const CELL_MAX_CHARS: usize = 72;

impl Table {
    pub(crate) fn new<const N: usize>(heads: [&'static str; N]) -> Self {
        Table {
            heads: heads.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; texts are made plain and cut.
    pub(crate) fn row<const N: usize>(mut self, cells: [String; N]) -> Self {
        assert_eq!(
            N,
            self.heads.len(),
            "a row has as many cells as the table has heads"
        );
        self.rows
            .push(cells.iter().map(|c| cut(&plain(c))).collect());
        self
    }

    fn render(&self) -> String {
        let mut widths: Vec<usize> = self.heads.iter().map(|h| h.len()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let heads: Vec<String> = self.heads.iter().map(|h| h.to_uppercase()).collect();
        let mut out = String::new();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= CELL_MAX_CHARS {
        return text.to_owned();
    }
    text.chars().take(CELL_MAX_CHARS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_no_line_ends_in_spaces() {
        let table = Table::new(["name", "x"])
            .row(["Zoë".into(), "1".into()])
            .row(["longer name".into(), String::new()]);
        assert_eq!(
            table.render(),
            "NAME         X\nZoë          1\nlonger name\n"
        );
    }

    #[test]
    fn nobody_writes_into_anothers_terminal() {
        let table = Table::new(["name"]).row(["a\u{1b}[2Jb\u{202e}c\nd".into()]);
        assert_eq!(table.render(), "NAME\na [2Jb c d\n");
        assert_eq!(cut(&"x".repeat(100)).chars().count(), CELL_MAX_CHARS);
    }

    #[test]
    fn an_error_object_has_a_field_only_where_there_is_one() {
        assert_eq!(
            error_object("c", "m", None).to_string(),
            r#"{"error":{"code":"c","message":"m"}}"#
        );
        assert_eq!(error_object("c", "m", Some("f"))["error"]["field"], "f");
    }
}
