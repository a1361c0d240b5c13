//! The catalogue of methods against the specification it was made from: nothing is missing, nothing is added.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::collections::BTreeSet;

use serde::Deserialize;
use vssim_model::catalogue::{Direction, enumerations, interfaces};
use vssim_tests::corpus::corpus;

#[derive(Deserialize)]
struct Interface {
    interface: String,
    kind: String,
    #[serde(default)]
    methods: Vec<Method>,
    #[serde(default)]
    values: Vec<Value>,
}

#[derive(Deserialize)]
struct Method {
    name: String,
    #[serde(rename = "async")]
    asynchronous: bool,
    #[serde(default)]
    params: Vec<Parameter>,
    #[serde(default)]
    returns: Vec<Return>,
    page: String,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    dir: String,
    #[serde(rename = "type")]
    c_type: String,
}

#[derive(Deserialize)]
struct Return {
    code: String,
}

#[derive(Deserialize)]
struct Value {
    name: String,
    value: i64,
}

/// What one method is, in a line that can be compared.
fn line(interface: &str, name: &str, asynchronous: bool, parameters: &[String], codes: &[&str], page: &str) -> String {
    format!("{interface} {name} {asynchronous} ({}) [{}] {page}", parameters.join(", "), codes.join(" "))
}

#[test]
fn the_catalogue_says_what_the_specification_says() {
    let Some(corpus) = corpus() else { return };
    let (mut wanted, mut wanted_values) = (BTreeSet::new(), BTreeSet::new());
    for file in ["requester", "shared", "writer"] {
        let text = std::fs::read_to_string(corpus.0.join(format!("spec/api/{file}.yaml"))).unwrap();
        let all: Vec<Interface> = serde_yaml::from_str(&text).unwrap();
        for interface in all {
            let name = match interface.interface.as_str() {
                "vsbackup.h functions" => "vsbackup.h",
                "VsWriterFunctions" => "vswriter.h",
                other => other,
            };
            if interface.kind == "enumeration" && name.starts_with("VSS_") {
                wanted_values
                    .extend(interface.values.iter().map(|value| format!("{name} {} {}", value.name, value.value)));
            }
            for method in &interface.methods {
                let parameters: Vec<String> =
                    method.params.iter().map(|one| format!("{} {} {}", one.dir, one.c_type, one.name)).collect();
                let codes: Vec<&str> = method.returns.iter().map(|one| one.code.as_str()).collect();
                wanted.insert(line(name, &method.name, method.asynchronous, &parameters, &codes, &method.page));
            }
        }
    }
    let found = interfaces().flat_map(|interface| {
        interface.methods.iter().map(|method| {
            let direction = |direction| match direction {
                Direction::In => "in",
                Direction::Out => "out",
                Direction::InOut => "inout",
                Direction::Reserved => "reserved",
            };
            let parameters: Vec<String> = method
                .parameters
                .iter()
                .map(|one| format!("{} {} {}", direction(one.direction), one.c_type, one.name))
                .collect();
            let codes: Vec<&str> = method.codes().collect();
            line(interface.name, method.name, method.asynchronous, &parameters, &codes, method.page)
        })
    });
    let found: BTreeSet<String> = found.collect();
    let difference: Vec<&String> = wanted.symmetric_difference(&found).collect();
    assert!(difference.is_empty(), "{difference:#?}");
    let values = enumerations().iter().flat_map(|enumeration| {
        enumeration.values.iter().map(move |(name, value)| format!("{} {name} {value}", enumeration.name))
    });
    let values: BTreeSet<String> = values.collect();
    let difference: Vec<&String> = wanted_values.symmetric_difference(&values).collect();
    assert!(difference.is_empty(), "{difference:#?}");
}
