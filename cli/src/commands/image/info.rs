//! `vssim image info`.

use serde::Serialize;
use vssim_model::context::{Attributes, Context};
use vssim_model::ids::Guid;
use vssim_sim::disk_format::{ReadAt, VolumeHeader};
use vssim_sim::image::{Copies, PartitionType, Scheme, ShadowCopy};

use super::opened::{Opened, OpenedImage, Volume};
use super::words::{bytes, count, grouped, iso, people};
use crate::arguments::image::Info;
use crate::{BadInput, Ended};

/// What is told of an image, as JSON.
#[derive(Serialize)]
struct ImageInfo {
    file: String,
    format: &'static str,
    size: u64,
    scheme: &'static str,
    /// How many things are wrong with the partition table; `vssim image verify` lists them.
    partition_findings: usize,
    volumes: Vec<VolumeInfo>,
    /// Partitions without NTFS.
    others: Vec<OtherPartition>,
}

#[derive(Serialize)]
struct OtherPartition {
    number: u32,
    offset: u64,
    size: u64,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize)]
struct VolumeInfo {
    number: u32,
    offset: u64,
    size: u64,
    name: String,
    cluster_size: Option<u64>,
    boot_sector: Option<String>,
    /// Absent where VSS never used the volume.
    shadow_storage: Option<StorageInfo>,
    copies: Vec<CopyInfo>,
}

#[derive(Serialize)]
struct StorageInfo {
    volume_id: String,
    diff_area_volume_id: String,
    redirected: bool,
    /// In which image the diff area was found.
    diff_area_in: Option<String>,
    catalog_offset: u64,
    catalog_blocks: usize,
    maximum_size: u64,
}

#[derive(Serialize)]
struct CopyInfo {
    number: usize,
    store_id: String,
    created: String,
    /// A string, since it is above 2^53.
    created_filetime: String,
    volume_size: u64,
    sequence: u64,
    /// Why its store cannot be read.
    problem: Option<String>,
    #[serde(flatten)]
    store: Option<StoreInfo>,
}

#[derive(Serialize)]
struct StoreInfo {
    snapshot_id: String,
    set_id: String,
    context: u32,
    context_name: Option<String>,
    attributes: u32,
    attribute_names: Vec<String>,
    operating_machine: String,
    service_machine: String,
    blocks_saved: u64,
    allocated: u64,
    store_offset: u64,
}

/// The types of partitions that Windows makes beside its volumes.
const KNOWN_TYPES: [(Guid, &str); 3] = [
    (Guid(0xe3c9_e316_0b5c_4db8_817d_f92d_f002_15ae), "Microsoft reserved"),
    (Guid(0xc12a_7328_f81f_11d2_ba4b_00a0_c93e_c93b), "EFI system"),
    (Guid(0xde94_bba4_06d1_4d40_a16a_bfd5_0179_d6ac), "Windows recovery"),
];

/// Tells what is in an image.
pub(crate) fn info(arguments: &Info) -> Result<Ended, BadInput> {
    let opened = Opened::open(&arguments.source)?;
    let volumes = opened.volumes(arguments.source.volume)?;
    let told =
        volumes.iter().map(|volume| volume_info(&opened, volume)).collect::<Result<Vec<VolumeInfo>, BadInput>>()?;
    let document = image_info(opened.image(), told);
    super::show(arguments.format, &document, || text(&document));
    Ok(Ended::Well)
}

fn image_info(image: &OpenedImage, volumes: Vec<VolumeInfo>) -> ImageInfo {
    let others = image.partitions.list.iter().filter(|one| !one.is_ntfs && one.volume.is_none());
    let others = others.map(|one| OtherPartition {
        number: one.number,
        offset: one.offset,
        size: one.size,
        kind: match one.kind {
            PartitionType::Bare => String::new(),
            PartitionType::Mbr(kind) => format!("{kind:#04x}"),
            PartitionType::Gpt(kind) => match KNOWN_TYPES.iter().find(|(known, _)| *known == kind) {
                Some((_, name)) => format!("{kind} ({name})"),
                None => kind.to_string(),
            },
        },
    });
    ImageInfo {
        file: image.path.display().to_string(),
        format: image.format().name(),
        size: image.size(),
        scheme: match image.partitions.scheme {
            Scheme::Bare => "volume",
            Scheme::Mbr => "MBR",
            Scheme::Gpt => "GPT",
        },
        partition_findings: image.partitions.findings.len(),
        others: others.collect(),
        volumes,
    }
}

fn volume_info(opened: &Opened, volume: &Volume<'_>) -> Result<VolumeInfo, BadInput> {
    let area = opened.area(volume)?;
    let copies = volume.copies(area.as_ref())?;
    let structures = copies.structures();
    let boot = structures.boot.as_ref();
    let storage = structures.header.map(|header: VolumeHeader| StorageInfo {
        volume_id: header.volume.to_string(),
        diff_area_volume_id: header.diff_area.to_string(),
        redirected: header.is_redirected(),
        diff_area_in: match &area {
            Some(area) => Some(area.name()),
            None => (!header.is_redirected()).then(|| volume.name()),
        },
        catalog_offset: header.catalog,
        catalog_blocks: structures.catalog.blocks.len(),
        maximum_size: header.maximum,
    });
    Ok(VolumeInfo {
        number: volume.partition.number,
        offset: volume.partition.offset,
        size: volume.part.size(),
        name: volume.partition.name.clone(),
        cluster_size: boot.ok().map(|boot| boot.bytes_a_cluster),
        boot_sector: boot.err().map(ToString::to_string),
        shadow_storage: storage,
        copies: copies.list().iter().enumerate().map(|(index, copy)| copy_info(index + 1, copy, &copies)).collect(),
    })
}

fn copy_info(number: usize, copy: &ShadowCopy, copies: &Copies<'_>) -> CopyInfo {
    let store = copy.store.as_ref().ok().map(|store| {
        let information = &store.information;
        let attributes = Attributes(information.attributes);
        StoreInfo {
            snapshot_id: information.snapshot.to_string(),
            set_id: information.set.to_string(),
            context: information.context,
            context_name: context_name(information.context),
            attributes: information.attributes,
            attribute_names: attribute_names(attributes),
            operating_machine: information.operating_machine.clone(),
            service_machine: information.service_machine.clone(),
            blocks_saved: copy.blocks().unwrap_or(0),
            allocated: copy.allocated().unwrap_or(0),
            store_offset: store.entry.header,
        }
    });
    // That the other volume is missing is told once, not of each copy.
    let problem = copy.store.as_ref().err().filter(|_| copies.missing().is_none()).map(ToString::to_string);
    CopyInfo {
        number,
        store_id: copy.store_id().to_string(),
        created: iso(copy.created()),
        created_filetime: copy.created().to_string(),
        volume_size: copy.volume_size(),
        sequence: copy.entry.sequence,
        problem,
        store,
    }
}

/// The name of a context with its modifiers, where it is one that a requester can set.
fn context_name(bits: u32) -> Option<String> {
    let context = Context::from_bits(bits).ok()?;
    let mut name = context.base().name().to_owned();
    for more in attribute_names(context.modifiers()) {
        name.push_str(" | ");
        name.push_str(&more);
    }
    Some(name)
}

fn attribute_names(attributes: Attributes) -> Vec<String> {
    match attributes.is_empty() {
        true => Vec::new(),
        false => attributes.to_string().split(" | ").map(str::to_owned).collect(),
    }
}

fn text(image: &ImageInfo) -> String {
    let divided = match image.scheme {
        "volume" => "one volume without a partition table".to_owned(),
        scheme => format!(
            "a disk with {} ({scheme})",
            count(image.volumes.len() as u64 + image.others.len() as u64, "partition")
        ),
    };
    let mut lines = vec![format!("{}: {}, {}, {divided}", image.file, image.format, bytes(image.size))];
    if image.partition_findings > 0 {
        let findings = count(image.partition_findings as u64, "finding");
        lines.push(format!("Its partition table can be read, with {findings}: `vssim image verify` tells more"));
    }
    for volume in &image.volumes {
        lines.push(String::new());
        volume_text(volume, &mut lines);
    }
    if image.volumes.is_empty() {
        lines.push("\nNo volume of it is NTFS or has shadow copies.".to_owned());
    }
    if !image.others.is_empty() {
        lines.push(String::new());
    }
    for other in &image.others {
        let OtherPartition { number, offset, size, kind } = other;
        lines
            .push(format!("Partition {number} at offset {offset:#x} is no NTFS volume: {}, type {kind}", bytes(*size)));
    }
    lines.join("\n")
}

/// A name and its value, in columns.
fn row(indent: usize, name: &str, value: &str) -> String {
    let width = 22 - indent;
    format!("{:indent$}{name:width$}{value}", "").trim_end().to_owned()
}

fn volume_text(volume: &VolumeInfo, lines: &mut Vec<String>) {
    let name =
        if volume.name.is_empty() { String::new() } else { format!(" \u{201c}{}\u{201d}", volume.name.escape_debug()) };
    lines.push(format!("Volume {}{name} at offset {:#x}", volume.number, volume.offset));
    let mut add = |name: &str, value: String| lines.push(row(2, name, &value));
    add("Size", bytes(volume.size));
    match (&volume.cluster_size, &volume.boot_sector) {
        (Some(size), _) => add("Cluster size", bytes(*size)),
        (None, Some(problem)) => add("Boot sector", format!("not NTFS: {problem}")),
        (None, None) => {}
    }
    let Some(storage) = &volume.shadow_storage else {
        add("Shadow copies", "none, and no volume header at 0x1e00".to_owned());
        return;
    };
    add("Volume id", storage.volume_id.clone());
    match (&storage.diff_area_in, storage.redirected) {
        (_, false) => add("Diff area", "on the volume itself".to_owned()),
        (Some(place), true) => {
            add("Diff area", format!("on volume {}", storage.diff_area_volume_id));
            add("", format!("which is {place}"));
        }
        (None, true) => {
            add("Diff area", format!("on volume {}", storage.diff_area_volume_id));
            add("", "which is in none of the images: name its image with --diff-area IMAGE".to_owned());
        }
    }
    match storage.catalog_offset {
        0 => add("Catalog", "none".to_owned()),
        at => add("Catalog", format!("at {at:#x}, {}", count(storage.catalog_blocks as u64, "block"))),
    }
    match storage.maximum_size {
        0 => add("Maximum size", "no limit".to_owned()),
        size => add("Maximum size", bytes(size)),
    }
    add("Shadow copies", volume.copies.len().to_string());
    for copy in &volume.copies {
        copy_text(copy, lines);
    }
}

fn copy_text(copy: &CopyInfo, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(format!("  Copy {}", copy.number));
    let mut add = |name: &str, value: String| lines.push(row(4, name, &value));
    add("Created", people(&copy.created));
    if let Some(store) = &copy.store {
        add("Shadow copy id", store.snapshot_id.clone());
        add("Set id", store.set_id.clone());
    }
    add("Store id", copy.store_id.clone());
    add("Volume size", bytes(copy.volume_size));
    if let Some(problem) = &copy.problem {
        add("Cannot be read", problem.clone());
    }
    let Some(store) = &copy.store else { return };
    let context = store.context_name.as_deref().unwrap_or("not a context that a requester can set");
    add("Context", format!("{:#010x} {context}", store.context));
    add("Attributes", format!("{:#010x}", store.attributes));
    for name in &store.attribute_names {
        add("", name.clone());
    }
    let StoreInfo { operating_machine, service_machine, .. } = store;
    add("Made on", operating_machine.escape_debug().to_string());
    if service_machine != operating_machine {
        add("Served by", service_machine.escape_debug().to_string());
    }
    add("Store", format!("at {:#x}, {}", store.store_offset, bytes(store.allocated)));
    add("Blocks saved", grouped(store.blocks_saved));
}
