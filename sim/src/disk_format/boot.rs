//! The NTFS boot sector, as far as a reader of shadow copies needs it.

use super::{BadStructure, SECTOR, put, u16_at, u64_at};

/// The geometry in a boot sector. A backup of the sector lies in the last sector of the volume, which does not count in `sectors`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootSector {
    /// Bytes in a sector.
    pub bytes_a_sector: u16,
    /// Bytes in a cluster.
    pub bytes_a_cluster: u64,
    /// Sectors, less the one of the backup.
    pub sectors: u64,
    /// The first cluster of the master file table.
    pub mft: u64,
    /// The serial number.
    pub serial: u64,
}

impl BootSector {
    /// The name that marks NTFS, at offset 3.
    pub const NAME: &'static [u8; 8] = b"NTFS    ";

    /// The boot sector of a volume of `size` bytes with clusters of 4 KiB. There is no file system behind it.
    #[must_use]
    pub fn of(size: u64, serial: u64) -> BootSector {
        let sectors = (size / SECTOR).saturating_sub(1);
        BootSector { bytes_a_sector: 512, bytes_a_cluster: 4096, sectors, mft: 4, serial }
    }

    /// The sector.
    #[must_use]
    pub fn encode(&self) -> [u8; 512] {
        let mut bytes = [0; 512];
        put(&mut bytes, 0, &[0xeb, 0x52, 0x90]);
        put(&mut bytes, 3, BootSector::NAME);
        put(&mut bytes, 11, &self.bytes_a_sector.to_le_bytes());
        bytes[13] = u8::try_from(self.bytes_a_cluster / u64::from(self.bytes_a_sector.max(1))).unwrap_or(8);
        bytes[21] = 0xf8;
        put(&mut bytes, 24, &63_u16.to_le_bytes());
        put(&mut bytes, 26, &255_u16.to_le_bytes());
        put(&mut bytes, 36, &[0x80, 0, 0x80, 0]);
        put(&mut bytes, 40, &self.sectors.to_le_bytes());
        put(&mut bytes, 48, &self.mft.to_le_bytes());
        put(&mut bytes, 56, &2_u64.to_le_bytes());
        bytes[64] = 0xf6;
        bytes[68] = 1;
        put(&mut bytes, 72, &self.serial.to_le_bytes());
        put(&mut bytes, 510, &[0x55, 0xaa]);
        bytes
    }

    /// Reads a boot sector.
    ///
    /// # Errors
    /// When the name is not that of NTFS, or the sizes are none that NTFS has.
    pub fn decode(bytes: &[u8]) -> Result<BootSector, BadStructure> {
        let name = bytes.get(3..11).unwrap_or_default();
        if name != BootSector::NAME {
            return Err(BadStructure::new(3, "file system name", "`NTFS    `", format!("{name:02x?}")));
        }
        let bytes_a_sector = u16_at(bytes, 11);
        if !bytes_a_sector.is_power_of_two() || !(256..=4096).contains(&bytes_a_sector) {
            let expected = "a power of two from 256 to 4096";
            return Err(BadStructure::new(11, "bytes a sector", expected, bytes_a_sector));
        }
        // From 0x80 on the byte is the negative power of two of the number of sectors.
        let code = bytes.get(13).copied().unwrap_or(0);
        let sectors_a_cluster = match code {
            0xf4..=0xff => 1_u64 << (256 - u32::from(code)),
            _ => u64::from(code),
        };
        let bytes_a_cluster = sectors_a_cluster * u64::from(bytes_a_sector);
        if !sectors_a_cluster.is_power_of_two() || bytes_a_cluster > 2 << 20 {
            let expected = "a power of two that makes clusters of at most 2 MiB";
            return Err(BadStructure::new(13, "sectors a cluster", expected, code));
        }
        Ok(BootSector {
            bytes_a_sector,
            bytes_a_cluster,
            sectors: u64_at(bytes, 40),
            mft: u64_at(bytes, 48),
            serial: u64_at(bytes, 72),
        })
    }

    /// The size of the volume in bytes, the backup's sector included.
    #[must_use]
    pub fn volume_size(&self) -> u64 {
        self.sectors.saturating_add(1).saturating_mul(u64::from(self.bytes_a_sector))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_sector_reads_back_as_written() {
        let boot = BootSector::of(1 << 20, 5);
        assert_eq!(BootSector::decode(&boot.encode()), Ok(boot));
        assert_eq!(boot.volume_size(), 1 << 20);
    }

    #[test]
    fn sizes_that_ntfs_does_not_have_are_refused() {
        for (at, value) in [(11, 0), (13, 0), (13, 3), (13, 0x90)] {
            let mut bytes = BootSector::of(1 << 20, 5).encode();
            bytes[at] = value;
            if at == 11 {
                bytes[12] = 0;
            }
            assert_eq!(BootSector::decode(&bytes).unwrap_err().at, at as u64);
        }
    }
}
