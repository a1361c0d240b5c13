//! What can be told of arguments by the catalogue alone: NULL where a pointer belongs, values that an enumeration lacks.

use vssim_model::api::{MethodCall, Value};
use vssim_model::catalogue::{Direction, Parameter, Type, enumeration};
use vssim_model::hresult::HResult;

/// Enumerations whose values are bits that may be combined.
const BITS: [&str; 6] = [
    "VSS_VOLUME_SNAPSHOT_ATTRIBUTES",
    "VSS_SNAPSHOT_CONTEXT",
    "VSS_BACKUP_SCHEMA",
    "VSS_FILE_SPEC_BACKUP_TYPE",
    "VSS_COMPONENT_FLAGS",
    "VSS_HARDWARE_OPTIONS",
];

/// Whether a path is full: from a drive, a share or an environment variable on. It has no wildcards.
pub(super) fn is_full_path(path: &str) -> bool {
    let on_drive = path.get(1..3) == Some(":\\") && path.starts_with(|first: char| first.is_ascii_alphabetic());
    (on_drive || path.starts_with("\\\\") || path.starts_with('%')) && !path.contains(['*', '?'])
}

/// Judges the arguments.
pub(super) fn check(call: &MethodCall) -> Result<(), HResult> {
    call.method.method.parameters.iter().try_for_each(|parameter| check_one(call, parameter))
}

fn check_one(call: &MethodCall, parameter: &Parameter) -> Result<(), HResult> {
    let given = call.arguments.get(parameter.name);
    let left_out = given.is_none() && parameter.direction == Direction::In;
    let null = given.is_some_and(Value::is_null) || left_out;
    if null && parameter.is_pointer() && !parameter.optional {
        return null_pointer(call, parameter).map_or(Ok(()), Err);
    }
    if let (Type::Enumeration(name), Some(value)) = (parameter.value_type(), given) {
        let known = enumeration(name).is_some_and(|known| {
            value.as_number().is_some_and(|number| known.values.iter().any(|(_, value)| *value == number))
        });
        if !known && !BITS.contains(&name) && call.method.method.documents("E_INVALIDARG") {
            return Err(HResult::E_INVALIDARG);
        }
    }
    Ok(())
}

/// The code for a NULL pointer; none where the page has none.
fn null_pointer(call: &MethodCall, parameter: &Parameter) -> Option<HResult> {
    let method = call.method.method;
    let pointer = method.documents("E_POINTER");
    if pointer && (parameter.direction != Direction::In || !method.documents("E_INVALIDARG")) {
        return Some(HResult::E_POINTER);
    }
    method.documents("E_INVALIDARG").then_some(HResult::E_INVALIDARG)
}
