//! What each type shows, as tables: elements for the title and the subtitle, labelled rows, and
//! groups of rows for repeating parts.

mod administrative;
mod clinical;

/// How a type is shown.
pub(super) struct Layout {
    pub(super) name: &'static str,
    /// Elements for the title; the first that is there is taken.
    pub(super) title: &'static [&'static str],
    pub(super) subtitle: &'static [&'static str],
    /// Labels and elements.
    pub(super) rows: &'static [(&'static str, &'static str)],
    pub(super) groups: &'static [Group],
}

/// A repeating part: each item becomes a section.
pub(super) struct Group {
    pub(super) heading: &'static str,
    pub(super) element: &'static str,
    pub(super) rows: &'static [(&'static str, &'static str)],
}

/// Elements for the title of a type without a layout.
pub(super) const ANY_TITLE: &[&str] = &["title", "name", "code", "need", "type", "description"];

/// The layout of a type.
pub(super) fn of(name: &str) -> Option<&'static Layout> {
    all().find(|layout| layout.name == name)
}

fn all() -> impl Iterator<Item = &'static Layout> {
    clinical::LAYOUTS.iter().chain(administrative::LAYOUTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_one_layout() {
        for layout in all() {
            let count = all().filter(|other| other.name == layout.name).count();
            assert_eq!(count, 1, "{}", layout.name);
            assert!(!layout.title.is_empty(), "{}", layout.name);
        }
    }
}
