//! Where the walk is: a list on the stack, written out only when there is something to report.

/// A place in a resource.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root(&'p str),
    Key(&'p str),
    Index(usize),
}

impl<'p> Path<'p> {
    pub(super) fn root(name: &'p str) -> Path<'p> {
        Path {
            parent: None,
            step: Step::Root(name),
        }
    }

    pub(super) fn key(&'p self, key: &'p str) -> Path<'p> {
        Path {
            parent: Some(self),
            step: Step::Key(key),
        }
    }

    pub(super) fn index(&'p self, index: usize) -> Path<'p> {
        Path {
            parent: Some(self),
            step: Step::Index(index),
        }
    }

    /// The name of the element that this is, or an item of.
    pub(super) fn element(&self) -> &'p str {
        match (self.step, self.parent) {
            (Step::Key(key) | Step::Root(key), _) => key,
            (Step::Index(_), Some(parent)) => parent.element(),
            (Step::Index(_), None) => "",
        }
    }

    /// As issues name it: `Patient.name[0].given[1]`.
    pub(super) fn display(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, true);
        out
    }

    /// Without indexes, below the innermost resource: `name.given`.
    pub(super) fn elements(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, false);
        out
    }

    fn write(&self, out: &mut String, full: bool) {
        if let Some(parent) = self.parent {
            parent.write(out, full);
        }
        match self.step {
            Step::Root(name) if full => out.push_str(name),
            Step::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(short(key));
            }
            Step::Index(index) if full => out.push_str(&format!("[{index}]")),
            Step::Root(_) | Step::Index(_) => {}
        }
    }
}

/// Longest name of an element that is repeated in a path; FHIR's own are below 50.
const MAX_NAME_BYTES: usize = 64;

/// A name, cut when it is absurdly long.
pub(super) fn short(name: &str) -> &str {
    let mut end = name.len().min(MAX_NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}
