//! Markup taken apart: tags, attributes, character references. No tree and no recovery: the first
//! fault ends it.

/// A piece of markup.
pub(super) enum Token<'t> {
    Text(&'t str),
    Open {
        name: &'t str,
        attributes: &'t str,
        closed: bool,
    },
    Close(&'t str),
    Comment,
    Declaration,
}

/// Text with its character references resolved; unknown ones stay as they are.
pub(super) fn text_of(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|b| b == b';');
        match end.and_then(|end| Some((end, reference(&rest[1..end])?))) {
            Some((end, c)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn reference(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => return None,
    })
}

/// Splits markup into tokens; stops after the first error.
pub(super) struct Tokens<'t> {
    pub(super) rest: &'t str,
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Result<Token<'t>, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(tag) = self.rest.strip_prefix('<') else {
            let end = self.rest.find('<').unwrap_or(self.rest.len());
            let (text, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Some(Ok(Token::Text(text)));
        };
        let token = self.tag(tag);
        if token.is_err() {
            self.rest = "";
        }
        Some(token)
    }
}

impl<'t> Tokens<'t> {
    fn tag(&mut self, tag: &'t str) -> Result<Token<'t>, &'static str> {
        const UNFINISHED: &str = "markup that does not end (txt-1)";
        if let Some(comment) = tag.strip_prefix("!--") {
            let end = comment.find("-->").ok_or(UNFINISHED)?;
            self.rest = &comment[end + 3..];
            return Ok(Token::Comment);
        }
        let end = end_of_tag(tag).ok_or(UNFINISHED)?;
        let inner = &tag[..end];
        self.rest = &tag[end + 1..];
        if inner.starts_with(['!', '?']) {
            return Ok(Token::Declaration);
        }
        if let Some(name) = inner.strip_prefix('/') {
            return Ok(Token::Close(name.trim_end()));
        }
        let (inner, closed) = match inner.strip_suffix('/') {
            Some(inner) => (inner, true),
            None => (inner, false),
        };
        let name_end = inner
            .find(|c: char| c.is_whitespace())
            .unwrap_or(inner.len());
        let (name, attributes) = inner.split_at(name_end);
        Ok(Token::Open {
            name,
            attributes,
            closed,
        })
    }
}

/// Where a tag's `>` is: not inside of a quoted value.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (i, b) in tag.bytes().enumerate() {
        match (quote, b) {
            (None, b'>') => return Some(i),
            (None, b'"' | b'\'') => quote = Some(b),
            (Some(q), b) if q == b => quote = None,
            _ => {}
        }
    }
    None
}

/// Splits `a="1" b='2'` into names and values; stops after the first error.
pub(super) struct Attributes<'t> {
    pub(super) rest: &'t str,
}

impl<'t> Iterator for Attributes<'t> {
    type Item = Result<(&'t str, &'t str), &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        self.rest = "";
        let broken = Some(Err("an attribute without a quoted value (txt-1)"));
        let Some((name, value)) = rest.split_once('=') else {
            return broken;
        };
        let value = value.trim_start();
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return broken;
        };
        let Some(end) = value[1..].find(quote) else {
            return broken;
        };
        self.rest = &value[end + 2..];
        Some(Ok((name.trim_end(), &value[1..=end])))
    }
}
