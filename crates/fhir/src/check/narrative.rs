//! Narratives: XHTML that must hold formatting only (txt-1, txt-2), and its plain text.
//!
//! A narrative comes from strangers and ends up on a screen. Scripts, event attributes, forms,
//! frames and markup that does not nest are errors. Even so, nothing in Carechain shows its
//! markup: views use [`text`], which keeps words and line breaks alone.

mod markup;

use super::path::Path;
use super::walk::Walk;
use crate::issue::IssueCode;
use markup::{Attributes, Token, Tokens, text_of};

/// Elements that a narrative may use.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "b",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
];
/// Attributes that hold addresses.
const ADDRESSES: &[&str] = &["href", "src", "cite", "longdesc", "background"];
/// How deep elements may nest.
const MAX_DEPTH: usize = 256;

/// Checks one narrative.
pub(super) fn check(walk: &mut Walk<'_>, xhtml: &str, path: &Path<'_>) {
    if let Err(message) = verdict(xhtml) {
        walk.report(path, IssueCode::Invariant, message);
    } else if external_image(xhtml) {
        walk.warn(
            path,
            IssueCode::Value,
            "loads an image from elsewhere when shown as markup",
        );
    }
}

fn verdict(xhtml: &str) -> Result<(), &'static str> {
    let mut open: Vec<&str> = Vec::new();
    let mut started = false;
    let mut content = false;
    for token in (Tokens { rest: xhtml }) {
        match token? {
            Token::Text(text) => {
                let blank = text.trim().is_empty();
                if open.is_empty() && !blank {
                    return Err("text outside of its div (txt-1)");
                }
                content |= !blank;
            }
            Token::Comment => {}
            Token::Declaration => return Err("a declaration is not allowed (txt-1)"),
            Token::Open {
                name,
                attributes,
                closed,
            } => {
                if open.is_empty() && (started || name != "div") {
                    return Err("must be one div element (txt-1)");
                }
                started = true;
                if ELEMENTS.binary_search(&name).is_err() {
                    return Err("holds an element that is not allowed (txt-1)");
                }
                attributes_allowed(attributes)?;
                content |= name == "img";
                if !closed {
                    if open.len() == MAX_DEPTH {
                        return Err("nested too deeply (txt-1)");
                    }
                    open.push(name);
                }
            }
            Token::Close(name) => {
                if open.pop() != Some(name) {
                    return Err("elements do not nest (txt-1)");
                }
            }
        }
    }
    if !started || !open.is_empty() {
        return Err("must be one div element (txt-1)");
    }
    if content {
        Ok(())
    } else {
        Err("holds no content (txt-2)")
    }
}

fn attributes_allowed(attributes: &str) -> Result<(), &'static str> {
    for attribute in (Attributes { rest: attributes }) {
        let (name, value) = attribute?;
        let name = name.to_ascii_lowercase();
        if name.starts_with("on") {
            return Err("holds an event attribute (txt-1)");
        }
        let value: String = text_of(value)
            .chars()
            .filter(|c| !c.is_whitespace() && !c.is_control())
            .collect::<String>()
            .to_ascii_lowercase();
        if ADDRESSES.contains(&name.as_str()) {
            let script = ["javascript:", "vbscript:", "data:text", "data:application"];
            if script.iter().any(|s| value.starts_with(s)) || value.starts_with("data:image/svg") {
                return Err("holds an address that runs a script (txt-1)");
            }
        }
        if name == "style" && (value.contains("url(") || value.contains("expression(")) {
            return Err("holds a style that loads something (txt-1)");
        }
    }
    Ok(())
}

fn external_image(xhtml: &str) -> bool {
    Tokens { rest: xhtml }.any(|token| match token {
        Ok(Token::Open {
            name: "img",
            attributes,
            ..
        }) => Attributes { rest: attributes }.any(|attribute| {
            attribute.is_ok_and(|(name, value)| {
                name == "src" && (value.contains("//") && !value.starts_with("data:"))
            })
        }),
        _ => false,
    })
}

/// The words of a narrative, one line per block; cells of a table are separated by `|`.
pub(crate) fn text(xhtml: &str) -> String {
    let mut out = String::new();
    let mut hidden = 0_usize;
    for token in (Tokens { rest: xhtml }) {
        match token {
            Ok(Token::Text(text)) if hidden == 0 => push_words(&mut out, &text_of(text)),
            Ok(Token::Open { name, closed, .. }) => {
                if matches!(name, "script" | "style") && !closed {
                    hidden += 1;
                } else if matches!(name, "td" | "th") {
                    if !out.is_empty() && !out.ends_with('\n') {
                        out.push_str(" | ");
                    }
                } else if is_block(name) {
                    line(&mut out);
                }
            }
            Ok(Token::Close(name)) => {
                if matches!(name, "script" | "style") {
                    hidden = hidden.saturating_sub(1);
                } else if is_block(name) {
                    line(&mut out);
                }
            }
            Ok(Token::Text(_) | Token::Comment | Token::Declaration) => {}
            Err(_) => break,
        }
    }
    out.trim().to_owned()
}

fn is_block(name: &str) -> bool {
    !matches!(
        name,
        "a" | "abbr"
            | "acronym"
            | "b"
            | "bdo"
            | "big"
            | "cite"
            | "code"
            | "del"
            | "dfn"
            | "em"
            | "font"
            | "i"
            | "img"
            | "ins"
            | "kbd"
            | "q"
            | "s"
            | "samp"
            | "small"
            | "span"
            | "strike"
            | "strong"
            | "sub"
            | "sup"
            | "td"
            | "th"
            | "tt"
            | "u"
            | "var"
    )
}

fn line(out: &mut String) {
    let kept = out.trim_end_matches(' ').len();
    out.truncate(kept);
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

fn push_words(out: &mut String, text: &str) {
    if text.starts_with(char::is_whitespace) && !out.ends_with([' ', '\n']) && !out.is_empty() {
        out.push(' ');
    }
    let mut first = true;
    for word in text.split_whitespace() {
        if !first {
            out.push(' ');
        }
        out.push_str(word);
        first = false;
    }
    if !first && text.ends_with(char::is_whitespace) {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NS: &str = "xmlns=\"http://www.w3.org/1999/xhtml\"";

    #[test]
    fn formatting_is_accepted() {
        for ok in [
            format!("<div {NS}>Hello</div>"),
            format!("<div {NS}><!-- note --><p><b>a</b> &lt; b<br/></p><hr /></div>"),
            format!("<div {NS}><a href=\"https://x/y\">x</a><img src=\"#p\" alt='a > b'/></div>"),
            format!("  <div {NS}>x</div>\n"),
        ] {
            assert_eq!(verdict(&ok), Ok(()), "{ok}");
        }
        assert!(ELEMENTS.is_sorted());
    }

    #[test]
    fn what_could_act_or_does_not_nest_is_refused() {
        for bad in [
            "",
            "x",
            "<p>x</p>",
            "<div>",
            "<div>x</p></div>",
            "<div>x</div><div>y</div>",
            "<div>  </div>",
            "<div>x</div>tail",
            "<div><script>alert(1)</script></div>",
            "<div onclick=\"x()\">x</div>",
            "<div><p ONLOAD='x'>y</p></div>",
            "<div><iframe src='http://x'/>x</div>",
            "<div><form>x</form></div>",
            "<div><a href='java\nscript:alert(1)'>x</a></div>",
            "<div><a href='&#106;avascript:alert(1)'>x</a></div>",
            "<div><img src='data:image/svg+xml;base64,AA'/>x</div>",
            "<div style='background:url(http://x)'>x</div>",
            "<!DOCTYPE html><div>x</div>",
            "<div><?php x ?>x</div>",
            "<div a=b>x</div>",
            "<div><b <i>x</i></div>",
            "<div",
            "<div><!-- x</div>",
        ] {
            assert!(verdict(bad).is_err(), "{bad}");
        }
        let deep = format!("{}x{}", "<div>".repeat(300), "</div>".repeat(300));
        assert!(verdict(&deep).is_err());
    }

    #[test]
    fn text_keeps_words_and_lines() {
        let xhtml = "<div><p>Blood <b>pressure</b>: 120&nbsp;&lt; x &unknown;</p><table><tr><th>A\
                     </th><td>1</td></tr><tr><td>B</td><td> 2 </td></tr></table>\
                     <script>alert(1)</script><style>p{}</style></div>";
        assert_eq!(
            text(xhtml),
            "Blood pressure: 120 < x &unknown;\nA | 1\nB | 2"
        );
        assert_eq!(text("no markup"), "no markup");
        assert_eq!(text("<div>cut"), "cut");
    }
}
