//! Disk images in containers: a container is something to read from, made of something to read from.
//!
//! ```text
//!  file (ReadAt) ──► Container::open ──► what its first and last bytes say ──► Container (ReadAt): the disk
//!                                          ├─ QFI, 0xfb        qcow2, versions 2 and 3
//!                                          ├─ vhdxfile         VHDX, fixed and dynamic
//!                                          ├─ conectix         VHD, dynamic (first or last 512 bytes) and fixed (last 512 bytes)
//!                                          └─ anything else    raw, unless it is another container that is known by name
//! ```
//!
//! The happy path: [`Container::open`] looks at the header, and every read asks the container's tables where the bytes lie.
//! `next_data` goes by the tables alone and passes over what was never written without reading it.
//!
//! Failures: what makes a disk depend on another file (backing files, differencing disks) or on a secret is refused when it is opened,
//! in words; so is a header whose numbers do not fit the file. A wrong table entry is an error of the read that needs it.
//!
//! Memory: nothing is allocated by a number from the file. Tables are read through a cache of 2 MiB, unpacked clusters lie in
//! one of at most 16 MiB.

mod cache;
mod map;
mod qcow2;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
mod vhd;
mod vhdx;

use std::fmt;

use crate::disk_format::device::Part;
use crate::disk_format::{ReadAt, ReadError};

use map::Mapped;

/// A container that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerError {
    /// Where in the file, in bytes from its start.
    pub offset: u64,
    /// Why, and what could be done.
    pub why: String,
}

impl ContainerError {
    /// What lies at `offset` cannot be used.
    #[must_use]
    pub fn new(offset: u64, why: impl Into<String>) -> ContainerError {
        ContainerError { offset, why: why.into() }
    }
}

impl fmt::Display for ContainerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at offset {:#x} of the file: {}", self.offset, self.why)
    }
}

impl std::error::Error for ContainerError {}

impl From<ReadError> for ContainerError {
    fn from(error: ReadError) -> ContainerError {
        ContainerError { offset: error.offset, why: error.to_string() }
    }
}

/// The kinds of container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// No container: the file is the disk.
    Raw,
    /// QEMU's qcow2, version 2 or 3.
    Qcow2,
    /// Microsoft's VHD with all blocks in place.
    VhdFixed,
    /// Microsoft's VHD that grows.
    VhdDynamic,
    /// Microsoft's VHDX, fixed or dynamic.
    Vhdx,
}

impl Format {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Qcow2 => "qcow2",
            Format::VhdFixed => "VHD (fixed)",
            Format::VhdDynamic => "VHD (dynamic)",
            Format::Vhdx => "VHDX",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The disk in a container.
pub struct Container<D>(Kind<D>);

enum Kind<D> {
    Raw(D),
    VhdFixed(Part<D>),
    Qcow2(Box<Mapped<qcow2::Qcow2<D>>>),
    VhdDynamic(Box<Mapped<vhd::Dynamic<D>>>),
    Vhdx(Box<Mapped<vhdx::Vhdx<D>>>),
}

impl<D: ReadAt> Container<D> {
    /// Finds out what kind of container the file is, by its bytes and not by its name, and opens it.
    ///
    /// # Errors
    /// When the container is damaged, or is one that cannot be read by itself.
    pub fn open(file: D) -> Result<Container<D>, ContainerError> {
        let mut start = [0; 512];
        let there = usize::try_from(file.size().min(512)).unwrap_or(512);
        file.read_at(0, &mut start[..there])?;
        let kind = if start.starts_with(qcow2::MAGIC) {
            Kind::Qcow2(Box::new(Mapped::new(qcow2::Qcow2::open(file)?)))
        } else if start.starts_with(vhdx::MAGIC) {
            Kind::Vhdx(Box::new(Mapped::new(vhdx::Vhdx::open(file)?)))
        } else {
            match vhd::open(file, &start)? {
                vhd::Found::Nothing(file) => {
                    refuse_others(&start)?;
                    Kind::Raw(file)
                }
                vhd::Found::Fixed(part) => Kind::VhdFixed(part),
                vhd::Found::Dynamic(dynamic) => Kind::VhdDynamic(Box::new(Mapped::new(*dynamic))),
            }
        };
        Ok(Container(kind))
    }

    /// What kind of container it is.
    pub fn format(&self) -> Format {
        match &self.0 {
            Kind::Raw(_) => Format::Raw,
            Kind::VhdFixed(_) => Format::VhdFixed,
            Kind::Qcow2(_) => Format::Qcow2,
            Kind::VhdDynamic(_) => Format::VhdDynamic,
            Kind::Vhdx(_) => Format::Vhdx,
        }
    }

    fn inner(&self) -> &dyn ReadAt {
        match &self.0 {
            Kind::Raw(file) => file,
            Kind::VhdFixed(part) => part,
            Kind::Qcow2(disk) => &**disk,
            Kind::VhdDynamic(disk) => &**disk,
            Kind::Vhdx(disk) => &**disk,
        }
    }
}

impl<D: ReadAt> ReadAt for Container<D> {
    fn size(&self) -> u64 {
        self.inner().size()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.inner().read_at(offset, into)
    }

    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        self.inner().next_data(offset)
    }
}

impl<D> fmt::Debug for Container<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Container")
    }
}

/// Other containers: where their sign stands, the sign, the name. Read as raw disks they would hold nothing that makes sense.
const OTHERS: [(usize, &[u8], &str); 7] = [
    (0, b"KDMV", "a VMware disk (VMDK)"),
    (0, b"COWD", "a VMware disk (VMDK, version 3)"),
    (0, b"# Disk DescriptorFile", "the descriptor of a VMware disk (VMDK)"),
    (0x40, &[0x7f, 0x10, 0xda, 0xbe], "a VirtualBox disk (VDI)"),
    (0, b"EVF\x09\x0d\x0a\xff\x00", "an EnCase image (E01)"),
    (0, b"QED\0", "a QEMU disk of the old format QED"),
    (0, b"WithoutFreeSpace", "a Parallels disk (HDD)"),
];

fn refuse_others(start: &[u8]) -> Result<(), ContainerError> {
    for (at, sign, name) in OTHERS {
        if start.get(at..).is_some_and(|rest| rest.starts_with(sign)) {
            let why = format!(
                "this is {name}, which is not read here; `qemu-img convert -O raw` makes a raw image of most formats"
            );
            return Err(ContainerError::new(at as u64, why));
        }
    }
    Ok(())
}
