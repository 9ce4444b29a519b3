//! Names: what they may look like, which one is meant by a reference, and which one was probably meant.

use std::collections::HashMap;

use super::limits;
use crate::diagnostic::did_you_mean;

/// Why `name` may not name the lab; none when it may.
pub(super) fn lab_name_problem(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() {
        return Some("the lab has an empty name".to_owned());
    }
    if name.len() > limits::LAB_NAME {
        return Some(format!("the lab's name has {} characters; at most {} are allowed", name.len(), limits::LAB_NAME));
    }
    let wrong = name.chars().find(|c| !allowed(*c));
    wrong.map(|c| format!("the lab's name has {c:?}; it may have a-z, 0-9 and '-' only"))
        .or_else(|| name.starts_with('-').then(|| "the lab's name starts with '-'".to_owned()))
}

/// Why `name` may not name a resource; none when it may.
///
/// Letters, digits, `.`, `_` and `-`; a letter or digit first, and last a letter, a digit or an underscore.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>
pub(super) fn resource_name_problem(kind: &str, name: &str, limit: usize) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let (Some(first), Some(last)) = (name.chars().next(), name.chars().next_back()) else {
        return Some(format!("a {kind} has an empty name"));
    };
    if let Some(wrong) = name.chars().find(|c| !allowed(*c)) {
        return Some(format!(
            "{kind} name {name:?} has {wrong:?}; it may have letters, digits, '.', '_' and '-' only"
        ));
    }
    if name.len() > limit {
        return Some(format!("{kind} name {name:?} has {} characters; at most {limit} are allowed", name.len()));
    }
    if !first.is_ascii_alphanumeric() {
        return Some(format!("{kind} name {name:?} starts with {first:?}; it must start with a letter or digit"));
    }
    if !last.is_ascii_alphanumeric() && last != '_' {
        return Some(format!(
            "{kind} name {name:?} ends with {last:?}; it must end with a letter, a digit or an underscore"
        ));
    }
    None
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
    fn lab_names() {
        for good in ["a", "hub-spoke", "0", &"x".repeat(32)] {
            assert_eq!(lab_name_problem(good), None);
        }
        for bad in ["", "Hub", "a_b", "a b", "-a", "é", &"x".repeat(33)] {
            assert!(lab_name_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn resource_names() {
        for good in ["a", "Web-1", "nsg_web.v2_", "0"] {
            assert_eq!(resource_name_problem("subnet", good, 80), None);
        }
        for bad in ["", "-a", "_a", "a-", "a.", "a b", "a/b", "é", "a\n", &"x".repeat(81)] {
            assert!(resource_name_problem("subnet", bad, 80).is_some(), "{bad:?}");
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
