//! What a restore was expected to do with files, and what it did.

use vssim_model::trace::{Placement, Restored, Trace, What};

use crate::expectations::Expectation;
use crate::syntax;
use crate::syntax::restore::How;

/// Compares the files and components of restores with what was expected of them.
pub(crate) fn check(written: &syntax::Expectations, trace: &Trace, all: &mut Vec<Expectation>) {
    let restored = || {
        trace.records.iter().filter_map(|record| match &record.what {
            What::Restore(restored) => Some(restored),
            _ => None,
        })
    };
    for expected in &written.restored {
        let (from, how) = (&expected.path.0, expected.how.value);
        let to = expected.to.as_ref().map_or(from, |to| &to.0);
        let found: Vec<String> = restored()
            .filter_map(|one| match one {
                Restored::File { path, to, how, .. } if path.eq_ignore_ascii_case(from) => {
                    Some(format!("{} at {to}", word(*how).word()))
                }
                _ => None,
            })
            .collect();
        let met = restored().any(|one| {
            matches!(one, Restored::File { path, to: place, how: found, .. }
                if path.eq_ignore_ascii_case(from) && place.eq_ignore_ascii_case(to) && word(*found) == how)
        });
        let found = if found.is_empty() { "not restored".to_owned() } else { found.join(", ") };
        let detail = format!("expected {} at {to}; found {found}", how.word());
        all.push(Expectation::new(format!("restored {from}"), met, detail).showing(&expected.shows));
    }
    for expected in &written.not_restored {
        let reasons: Vec<&str> = restored()
            .filter_map(|one| match one {
                Restored::Refused { what, reason, .. } if *what == expected.what.0 => Some(reason.as_str()),
                _ => None,
            })
            .collect();
        let detail = if reasons.is_empty() { "nothing was refused".to_owned() } else { reasons.join("; ") };
        let name = format!("not restored: {}", expected.what.0);
        all.push(Expectation::new(name, !reasons.is_empty(), detail).showing(&expected.shows));
    }
}

const fn word(how: Placement) -> How {
    match how {
        Placement::Written => How::Written,
        Placement::Staged => How::Staged,
        Placement::Moved => How::Moved,
    }
}
