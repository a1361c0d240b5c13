//! `vssim image verify`.

use std::collections::BTreeMap;

use serde::Serialize;
use vssim_sim::disk_format::ReadAt;
use vssim_sim::image::{Finding, Reader, Scheme, Severity, verify as hold_against_format};

use super::opened::{Opened, Volume};
use super::words::count;
use crate::arguments::image::Verify;
use crate::{BadInput, Ended};

/// What was found on one volume, or in the partition table.
#[derive(Serialize)]
struct Place {
    place: String,
    structures: u64,
    findings: Vec<Found>,
}

#[derive(PartialEq, Serialize)]
struct Found {
    severity: String,
    structure: &'static str,
    offset: u64,
    field: &'static str,
    expected: String,
    found: String,
}

#[derive(Serialize)]
struct Verified {
    structures: u64,
    wrong: usize,
    unusual: usize,
    /// Volumes with a diff area that was not looked at, because its volume is in none of the images.
    missing_diff_areas: Vec<Missing>,
    places: Vec<Place>,
}

#[derive(Serialize)]
struct Missing {
    volume: String,
    diff_area_volume_id: String,
}

/// Holds the shadow copies of an image against the format.
pub(crate) fn verify(arguments: &Verify) -> Result<Ended, BadInput> {
    let opened = Opened::open(&arguments.source)?;
    let mut volumes = opened.volumes(arguments.source.volume)?;
    if arguments.source.volume.is_none() {
        volumes.retain(Volume::is_of_interest);
    }
    if volumes.is_empty() {
        // There is none, which is an error with words of its own.
        opened.volume(None)?;
    }
    let mut verified =
        Verified { structures: 0, wrong: 0, unusual: 0, missing_diff_areas: Vec::new(), places: Vec::new() };
    let image = opened.image();
    let place = format!("{}, partition table", image.path.display());
    let structures = u64::from(image.partitions.scheme != Scheme::Bare);
    let table = Place { place, structures, findings: Vec::new() };
    verified.places.push(table);
    verified.places[0].add(&image.partitions.findings);
    for volume in &volumes {
        verified.volume(&opened, volume);
    }
    let all = || verified.places.iter().flat_map(|place| &place.findings);
    let unusual = Severity::Unusual.to_string();
    verified.unusual = all().filter(|found| found.severity == unusual).count();
    verified.wrong = all().count() - verified.unusual;
    verified.structures = verified.places.iter().map(|place| place.structures).sum();
    super::show(arguments.format, &verified, || text(&verified));
    Ok(if verified.wrong == 0 { Ended::Well } else { Ended::Failed })
}

impl Place {
    /// Adds findings that are not here already: a volume with the diff area of another one is looked at twice.
    fn add(&mut self, findings: &[Finding]) {
        for finding in findings {
            let Finding { offset, structure, field, expected, found, severity } = finding.clone();
            let found = Found { severity: severity.to_string(), structure, offset, field, expected, found };
            if !self.findings.contains(&found) {
                self.findings.push(found);
            }
        }
    }
}

impl Verified {
    fn volume(&mut self, opened: &Opened, volume: &Volume<'_>) {
        let id = redirected_to(&volume.part);
        let area = id.and_then(|id| opened.by_id(id));
        if let (Some(id), None) = (id, &area) {
            self.missing_diff_areas.push(Missing { volume: volume.name(), diff_area_volume_id: id.to_string() });
        }
        let findings = hold_against_format(&volume.part, area.as_ref().map(|area| &area.part as &dyn ReadAt));
        self.place(volume).add(&findings.volume);
        if let Some(area) = &area {
            self.place(area).add(&findings.area);
        }
    }

    fn place(&mut self, volume: &Volume<'_>) -> &mut Place {
        let name = volume.name();
        let known = self.places.iter().position(|place| place.place == name);
        let at = known.unwrap_or_else(|| {
            let structures = count_structures(&volume.part);
            self.places.push(Place { place: name, structures, findings: Vec::new() });
            self.places.len() - 1
        });
        &mut self.places[at]
    }
}

/// The volume with the diff area, where that is another one.
fn redirected_to(volume: &dyn ReadAt) -> Option<vssim_model::ids::Guid> {
    let header = Reader::new(volume).volume().ok()?.header?;
    header.is_redirected().then_some(header.diff_area)
}

/// How many structures there are to look at: boot sector, volume header and every block of the catalog and of the stores.
fn count_structures(device: &dyn ReadAt) -> u64 {
    let mut reader = Reader::new(device);
    let Ok(structures) = reader.volume() else { return 0 };
    let mut blocks = 1 + u64::from(structures.header.is_some()) + structures.catalog.blocks.len() as u64;
    for (_, entry) in structures.stores() {
        if let Ok(store) = reader.store(&entry, None) {
            let bitmaps = [&store.bitmap, &store.previous_bitmap].into_iter().flatten();
            let bitmaps: usize = bitmaps.map(|bitmap| bitmap.blocks.len()).sum();
            blocks += 1 + (store.descriptors.blocks.len() + store.ranges.blocks.len() + bitmaps) as u64;
        }
    }
    blocks
}

fn text(verified: &Verified) -> String {
    let mut lines = Vec::new();
    for place in verified.places.iter().filter(|place| !place.findings.is_empty()) {
        lines.push(place.place.clone());
        let mut groups: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
        for found in &place.findings {
            groups.entry(found.structure).or_default().push(found);
        }
        for (structure, mut group) in groups {
            group.sort_by_key(|found| found.offset);
            lines.push(format!("  {structure}"));
            for found in group {
                let Found { severity, offset, field, expected, found, .. } = found;
                lines.push(format!("    {offset:#014x}  {severity:7}  {field}: expected {expected}, found {found}"));
            }
        }
        lines.push(String::new());
    }
    for Missing { volume, diff_area_volume_id } in &verified.missing_diff_areas {
        lines.push(format!(
            "{volume}: its diff area lies on volume {diff_area_volume_id}, which is in none of the images, and was not checked;\n  \
             name the image with that volume: --diff-area IMAGE"
        ));
    }
    let findings = match (verified.wrong, verified.unusual) {
        (0, 0) => "no finding".to_owned(),
        (wrong, unusual) => format!("{wrong} wrong, {unusual} unusual"),
    };
    lines.push(format!("{} checked, {findings}", count(verified.structures, "structure")));
    lines.join("\n")
}
