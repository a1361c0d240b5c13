//! Which requirements an expectation shows, if it is met.
//!
//! ```yaml
//! not_stored:
//!   - {path: 'D:\Books\second.txt', shows: [BKP-TYPE-013]}
//! ```

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::Deserializer;
use vssim_model::requirements::{alike, is_requirement};

use crate::error::{ErrorKind, Problem, shortened};
use crate::yaml::{At, Raw, Scalar, ScalarOr};

/// The id of a requirement, such as `RST-MTH-012`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement(pub String);

impl Scalar for Requirement {
    fn read(raw: Raw<'_>) -> Result<Requirement, Problem> {
        let Raw::Text(text) = raw else { return Err(raw.misplaced("the id of a requirement")) };
        if is_requirement(text) {
            return Ok(Requirement(text.to_owned()));
        }
        let known = alike(text);
        Err(Problem::new(ErrorKind::UnknownWord, format!("`{}` is the id of no requirement", shortened(text)))
            .expected("the id of a requirement, such as `BKP-ORD-001`")
            .near(text, known.iter().map(String::as_str)))
    }
}

impl JsonSchema for Requirement {
    fn schema_name() -> Cow<'static, str> {
        "Requirement".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The id of a requirement.",
            "type": "string",
            "pattern": "^[A-Z]{2,4}(-[A-Z]{2,4})?-[0-9]{3}$",
        })
    }
}

/// The requirements that an expectation shows, if it is met.
pub type Shows = Vec<At<Requirement>>;

/// Something that must not be there: the thing alone, or with what that shows.
#[derive(Clone, Debug)]
pub struct Missing<S> {
    /// The thing.
    pub what: At<S>,
    /// What this shows, if it comes out so.
    pub shows: Shows,
}

/// [`Missing`] as a mapping.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound = "S: Scalar")]
struct MissingThing<S> {
    /// A path, or a component by its full name.
    what: At<S>,
    /// What this shows, if it comes out so: ids of requirements.
    shows: Shows,
}

impl<'de, S: Scalar> Deserialize<'de> for Missing<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Missing<S>, D::Error> {
        Ok(match ScalarOr::<S, MissingThing<S>>::deserialize(deserializer)? {
            ScalarOr::Scalar(what) => Missing { what, shows: Shows::new() },
            ScalarOr::Mapping(MissingThing { what, shows }) => Missing { what, shows },
        })
    }
}

impl<S: JsonSchema> JsonSchema for Missing<S> {
    fn schema_name() -> Cow<'static, str> {
        format!("Missing{}", S::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (alone, more) = (generator.subschema_for::<S>(), generator.subschema_for::<MissingThing<S>>());
        json_schema!({ "description": "What must not be there, alone or with what that shows.", "anyOf": [alone, more] })
    }
}
