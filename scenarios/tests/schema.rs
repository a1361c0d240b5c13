//! The committed JSON Schema is the one that the types give and describes every key; the format's page shows every key.

use std::path::Path;

use serde_json::Value;
use vssim_scenarios::Scenario;
use vssim_scenarios::schema::json_schema;

#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scenario.schema.json");
    let current = json_schema();
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed != current {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scenario.schema.json");
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

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scenario-format.md"))
        .unwrap_or_default()
}

/// The YAML blocks of the page, joined.
fn example() -> String {
    let page = page();
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.collect()
}

#[test]
fn the_example_of_the_page_is_a_valid_scenario() {
    let scenario = Scenario::parse("scenario-format.md", &example()).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(scenario.layout[1].len(), 2);
    assert_eq!(scenario.scripts.len(), 5);
}

#[test]
fn the_page_shows_every_key_and_every_word() {
    fn collect(value: &Value, keys: &mut Vec<String>, words: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::Object(properties)) = map.get("properties") {
                    keys.extend(properties.keys().cloned());
                }
                words.extend(map.get("const").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|inner| collect(inner, keys, words));
            }
            Value::Array(list) => list.iter().for_each(|inner| collect(inner, keys, words)),
            _ => {}
        }
    }
    let schema: Value = serde_json::from_str(&json_schema()).unwrap();
    let (mut keys, mut words) = (Vec::new(), Vec::new());
    collect(&schema, &mut keys, &mut words);
    let (page, example) = (page(), example());
    // A variant that takes a value is a key of the schema too; those of misbehaviours stand in the tables.
    let missing_keys: Vec<_> = keys
        .iter()
        .filter(|key| !example.contains(&format!("{key}:")) && !page.contains(&format!("`{key}: ")))
        .collect();
    let missing_words: Vec<_> =
        words.iter().filter(|word| !page.contains(&format!("`{word}`")) && !example.contains(*word)).collect();
    assert!(missing_keys.is_empty() && missing_words.is_empty(), "{missing_keys:?} {missing_words:?}");
}
