//! The icon of a component: bytes in the interfaces, text in the document.
//!
//! No public page says how Windows spells the bytes. Here they are hexadecimal digits, as XML has it for binary data
//! (docs/choices.md, `icon-text`).

use vssim_model::api::{MethodCall, Value};
use vssim_model::hresult::HResult;

/// The icon that AddComponent is given, as text: none for NULL or no bytes.
///
/// # Errors
/// `E_INVALIDARG` if there are not as many bytes as said.
pub(super) fn text(call: &MethodCall) -> Result<Option<String>, HResult> {
    let wanted = call.index("cbIcon");
    let bytes = match call.argument("pbIcon") {
        Value::Null if wanted == 0 => return Ok(None),
        Value::List(all) => all,
        _ => return Err(HResult::E_INVALIDARG),
    };
    let bytes = bytes.get(..wanted).ok_or(HResult::E_INVALIDARG)?;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let byte = byte.as_number().and_then(|byte| u8::try_from(byte).ok()).ok_or(HResult::E_INVALIDARG)?;
        text.push_str(&format!("{byte:02x}"));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// The bytes that a text of a document stands for; none if it stands for none.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok())
        .collect()
}
