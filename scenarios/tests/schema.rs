//! The committed JSON Schema is the one that the types give, and says something of every key.

use std::path::Path;

use serde_json::Value;
use vssim_scenarios::schema::json_schema;

#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scenario.schema.json");
    let current = json_schema();
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed != current {
        let fresh = path.with_extension("json.new");
        std::fs::write(&fresh, &current).unwrap();
        panic!("docs/scenario.schema.json is not current; the new one is {}", fresh.display());
    }
}

#[test]
fn every_key_and_every_word_is_described() {
    fn walk(value: &Value, path: &str, missing: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::Object(properties)) = map.get("properties") {
                    for (key, schema) in properties {
                        // A variant's own key is described on the variant.
                        let described = schema.get("description").is_some() || map.get("description").is_some();
                        if !described {
                            missing.push(format!("{path}/{key}"));
                        }
                    }
                }
                for (key, inner) in map {
                    walk(inner, &format!("{path}/{key}"), missing);
                }
            }
            Value::Array(list) => list.iter().for_each(|inner| walk(inner, path, missing)),
            _ => {}
        }
    }
    let schema: Value = serde_json::from_str(&json_schema()).unwrap();
    let mut missing = Vec::new();
    walk(&schema, "", &mut missing);
    assert!(missing.is_empty(), "{missing:#?}");
}
