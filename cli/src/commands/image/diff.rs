//! `vssim image diff`.

use serde::Serialize;
use vssim_sim::disk_format::BLOCK;

use super::opened::{Opened, Shown};
use super::words::{bytes, count, grouped};
use crate::arguments::image::Diff;
use crate::progress::Progress;
use crate::{BadInput, Ended};

#[derive(Serialize)]
struct Difference {
    a: String,
    b: String,
    block_size: u64,
    size_a: u64,
    size_b: u64,
    blocks: u64,
    differing_blocks: u64,
    ranges: Vec<Range>,
}

/// Blocks that differ, one after the other.
#[derive(Serialize)]
struct Range {
    offset: u64,
    length: u64,
}

/// Lists where two copies differ.
pub(crate) fn diff(arguments: &Diff) -> Result<Ended, BadInput> {
    let opened = Opened::open(&arguments.source)?;
    let volume = opened.volume(arguments.source.volume)?;
    let area = opened.area(&volume)?;
    let copies = volume.copies(area.as_ref())?;
    let rule = arguments.reading.never_copied.into();
    let a = volume.shown(&copies, arguments.a, rule)?;
    let b = volume.shown(&copies, arguments.b, rule)?;
    let (size_a, size_b) = (a.device().size(), b.device().size());
    let ranges = compare(&a, &b, &volume.name())?;
    let differing: u64 = ranges.iter().map(|range| range.length.div_ceil(BLOCK)).sum();
    let difference = Difference {
        a: arguments.a.to_string(),
        b: arguments.b.to_string(),
        block_size: BLOCK,
        size_a,
        size_b,
        blocks: size_a.max(size_b).div_ceil(BLOCK),
        differing_blocks: differing,
        ranges,
    };
    super::show(arguments.format, &difference, || text(&difference));
    Ok(if difference.ranges.is_empty() { Ended::Well } else { Ended::Failed })
}

/// The ranges of blocks that differ. What both share with the live volume, and what is zeros in both, is not read.
fn compare(a: &Shown<'_>, b: &Shown<'_>, name: &str) -> Result<Vec<Range>, BadInput> {
    let (common, longer) = {
        let (a, b) = (a.device().size(), b.device().size());
        (a.min(b), a.max(b))
    };
    let progress = Progress::new("comparing", common);
    let told = |error| BadInput(format!("error: {name}: {error}"));
    let mut ranges: Vec<Range> = Vec::new();
    let (mut one, mut other) = (vec![0; BLOCK as usize], vec![0; BLOCK as usize]);
    let mut at = 0;
    while at < common {
        let same = shared_until(a, b, at).min(common);
        // Blocks begin at multiples of their size; the last one may be shorter.
        let next = if same == common { common } else { same / BLOCK * BLOCK };
        if next > at {
            progress.done(next - at)?;
            at = next;
            continue;
        }
        let length = (common - at).min(BLOCK);
        let count = usize::try_from(length).unwrap_or_default();
        a.device().read_at(at, &mut one[..count]).map_err(told)?;
        b.device().read_at(at, &mut other[..count]).map_err(told)?;
        if one[..count] != other[..count] {
            add(&mut ranges, at, length);
        }
        progress.done(length)?;
        at += length;
    }
    if longer > common {
        add(&mut ranges, common, longer - common);
    }
    Ok(ranges)
}

fn add(ranges: &mut Vec<Range>, offset: u64, length: u64) {
    match ranges.last_mut() {
        Some(last) if last.offset + last.length == offset => last.length += length,
        _ => ranges.push(Range { offset, length }),
    }
}

/// Up to where both are surely the same: both are the live volume, or zeros that nobody wrote.
fn shared_until(a: &Shown<'_>, b: &Shown<'_>, at: u64) -> u64 {
    let ((a_live, a_to), (b_live, b_to)) = (a.is_live(at), b.is_live(at));
    if a_live && b_live {
        return a_to.min(b_to);
    }
    let data = |shown: &Shown<'_>| shown.device().next_data(at).map_or(u64::MAX, |(from, _)| from);
    data(a).min(data(b))
}

fn text(difference: &Difference) -> String {
    let Difference { a, b, ranges, .. } = difference;
    let (size_a, size_b) = (difference.size_a, difference.size_b);
    let mut lines = Vec::new();
    if size_a != size_b {
        lines.push(format!("{a} has {}, {b} {}", bytes(size_a), bytes(size_b)));
    }
    if ranges.is_empty() {
        lines.push(format!("{a} and {b} are the same: {}", count(difference.blocks, "block")));
        return lines.join("\n");
    }
    lines.push(format!("{:>18}  {:>18}  bytes", "offset", "offset"));
    let width = 18;
    for Range { offset, length } in ranges {
        lines.push(format!("{offset:#width$x}  {:>width$}  {}", grouped(*offset), grouped(*length)));
    }
    lines.push(format!(
        "{a} and {b} differ in {} of {} of {} bytes, in {}",
        grouped(difference.differing_blocks),
        count(difference.blocks, "block"),
        grouped(BLOCK),
        count(ranges.len() as u64, "range")
    ));
    lines.join("\n")
}
