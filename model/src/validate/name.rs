//! Names: what they may look like, which one is meant by a reference, and which one was probably meant.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use crate::diagnostic::did_you_mean;

/// Why `name` may not name a resource, and what would be right; none when it may.
///
/// Letters, digits, `.`, `_` and `-`; a letter or digit first, and last a letter, a digit or an underscore.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>
pub(super) fn resource_name_problem(name: &str, limit: usize) -> Option<(String, String)> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let (Some(first), Some(last)) = (name.chars().next(), name.chars().next_back()) else {
        return Some(("is empty".to_owned(), "give it at least one letter or digit".to_owned()));
    };
    if let Some(wrong) = name.chars().find(|c| !allowed(*c)) {
        return Some((format!("has {wrong:?}"), "use letters, digits, '.', '_' and '-' only".to_owned()));
    }
    if name.len() > limit {
        return Some((format!("has {} characters", name.len()), format!("use at most {limit}")));
    }
    if !first.is_ascii_alphanumeric() {
        return Some((format!("starts with {first:?}"), "start with a letter or digit".to_owned()));
    }
    if !last.is_ascii_alphanumeric() && last != '_' {
        return Some((
            format!("ends with {last:?}"),
            "end with a letter, a digit or an underscore".to_owned(),
        ));
    }
    None
}

/// A name that equals itself in any case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caseless<'n>(pub(super) &'n str);

impl PartialEq for Caseless<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Caseless<'_> {}

impl Hash for Caseless<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for chunk in self.0.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            word.make_ascii_lowercase();
            state.write_u64(u64::from_le_bytes(word));
        }
    }
}

/// The names of all resources of one kind, compared without case as Azure does.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: Vec<String>,
    positions: HashMap<String, usize>,
}

impl Names {
    /// Adds the next name. When it is there already, answers with the position of the first of that name.
    pub(super) fn add(&mut self, name: &str) -> Result<usize, usize> {
        let position = self.names.len();
        self.names.push(name.to_owned());
        let first = *self.positions.entry(name.to_ascii_lowercase()).or_insert(position);
        if first == position { Ok(position) } else { Err(first) }
    }

    /// The position of `name`.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.positions.get(&name.to_ascii_lowercase()).copied()
    }

    /// The name that was probably meant by `name`.
    pub(super) fn closest(&self, name: &str) -> Option<&str> {
        did_you_mean(name, self.iter())
    }

    /// The name at a position.
    pub(super) fn get(&self, position: usize) -> &str {
        self.names.get(position).map_or("", String::as_str)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The first names, for a message.
    pub(super) fn listed(&self) -> String {
        const SHOWN: usize = 8;
        let mut listed: Vec<_> = self.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
        if self.names.len() > SHOWN {
            listed.push("...".to_owned());
        }
        listed.join(", ")
    }

    /// The names, in the order of the file.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut all = Self::default();
        for name in names {
            let _ = all.add(name);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_names() {
        for good in ["a", "Web-1", "nsg_web.v2_", "0"] {
            assert_eq!(resource_name_problem(good, 80), None);
        }
        for bad in ["", "-a", "_a", "a-", "a.", "a b", "a/b", "é", "a\n", &"x".repeat(81)] {
            assert!(resource_name_problem(bad, 80).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_reference_ignores_case() {
        let names: Names = ["Hub", "spoke1"].into_iter().collect();
        assert_eq!(names.find("hUB"), Some(0));
        assert_eq!(names.find("spoke2"), None);
        let mut names = names;
        assert_eq!(names.add("HUB"), Err(0));
        assert_eq!(names.add("spoke2"), Ok(3));
    }

    #[test]
    fn a_typing_error_is_recognised_and_a_different_name_is_not() {
        let names: Names = ["nsg-web", "nsg-db", "hub"].into_iter().collect();
        assert_eq!(names.closest("nsg-wbe"), Some("nsg-web"));
        assert_eq!(names.closest("NSG-DB1"), Some("nsg-db"));
        assert_eq!(names.closest("production"), None);
        assert_eq!(names.closest("x"), None);
    }
}
