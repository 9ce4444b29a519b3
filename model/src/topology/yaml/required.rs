//! Which fields a struct must have. serde tells the first that is missing; the schema knows them all.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

/// Fields of which one must be there: a field, or its singular and its plural.
pub(super) type Alternatives = Vec<String>;

static REQUIRED: LazyLock<BTreeMap<String, Vec<Alternatives>>> = LazyLock::new(|| {
    let schema = crate::topology::json_schema();
    let root = schema["title"].as_str().map(|title| (title.to_owned(), alternatives(&schema)));
    let types = schema["$defs"].as_object().into_iter().flatten();
    types.map(|(name, schema)| (name.clone(), alternatives(schema))).chain(root).collect()
});

/// What the struct of this name requires; nothing for a struct that is not part of the format.
pub(super) fn required(name: &str) -> &'static [Alternatives] {
    REQUIRED.get(name).map_or(&[], Vec::as_slice)
}

fn alternatives(schema: &Value) -> Vec<Alternatives> {
    let always = names(schema).map(|name| vec![name]);
    let one_of: Vec<_> = schema["oneOf"].as_array().into_iter().flatten().flat_map(names).collect();
    always.chain(Some(one_of).filter(|names| !names.is_empty())).collect()
}

fn names(schema: &Value) -> impl Iterator<Item = String> {
    let names = schema["required"].as_array().into_iter().flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_fields_come_from_the_types() {
        assert_eq!(required("Topology"), [["name"]]);
        assert_eq!(required("Subnet"), [["addressPrefix", "addressPrefixes"]]);
        assert_eq!(required("SecurityRule"), [["priority"], ["direction"], ["access"], ["protocol"]]);
        assert!(required("VirtualMachine").is_empty() && required("Nothing").is_empty());
    }
}
