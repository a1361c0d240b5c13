//! The JSON Schema of a scenario, for editors.

use crate::syntax::Document;

/// The schema as text, as it is committed in `docs/scenario.schema.json`.
#[must_use]
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(Document);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
