//! The JSON Schema of the topology file, for editors.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Topology;

/// The JSON Schema (draft 2020-12) of a topology file, generated from the types.
#[must_use]
pub fn json_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Topology>().to_value()
}

/// Adds ARM's plural beside each singular field that has one, and lets either satisfy `required`.
pub(super) fn plural(schema: &mut Schema) {
    const PLURALS: [(&str, &str); 7] = [
        ("addressPrefix", "addressPrefixes"),
        ("sourceAddressPrefix", "sourceAddressPrefixes"),
        ("sourcePortRange", "sourcePortRanges"),
        ("destinationAddressPrefix", "destinationAddressPrefixes"),
        ("destinationPortRange", "destinationPortRanges"),
        ("frontendIPConfiguration", "frontendIPConfigurations"),
        ("publicIPAddress", "publicIPAddresses"),
    ];
    for (singular, plural) in PLURALS {
        let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
        let Some(field) = properties.get(singular).cloned() else { continue };
        properties.insert(plural.to_owned(), field);
        relax_required(schema, singular, plural);
    }
}

fn relax_required(schema: &mut Schema, singular: &str, plural: &str) {
    let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) else { return };
    let before = required.len();
    required.retain(|name| name != singular);
    if required.len() < before {
        let either = serde_json::json!([{ "required": [singular] }, { "required": [plural] }]);
        schema.insert("oneOf".to_owned(), either);
    }
}
