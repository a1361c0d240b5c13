//! The file of an image, to be read at any offset.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use vssim_sim::disk_format::{ReadAt, ReadError};

use crate::BadInput;

/// A file or block device, read and never written.
#[derive(Debug)]
pub(crate) struct ImageFile {
    file: File,
    size: u64,
}

impl ImageFile {
    /// Opens the file.
    pub(crate) fn open(path: &Path) -> Result<ImageFile, BadInput> {
        let told = |error: io::Error| BadInput(format!("error: cannot read {}: {error}", path.display()));
        let mut file = File::open(path).map_err(told)?;
        if file.metadata().map_err(told)?.is_dir() {
            return Err(BadInput(format!("error: {} is a folder; expected the file of a disk image", path.display())));
        }
        // A block device has no length of its own, but an end.
        let size = file.seek(SeekFrom::End(0)).map_err(told)?;
        Ok(ImageFile { file, size })
    }
}

#[cfg(unix)]
fn read_some(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, offset)
}

#[cfg(windows)]
fn read_some(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, offset)
}

impl ReadAt for ImageFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let length = into.len() as u64;
        ReadError::check(offset, length, self.size)?;
        let mut done = 0;
        while done < into.len() {
            let at = offset + done as u64;
            let told = |why: String| ReadError { offset: at, length: length - done as u64, why };
            match read_some(&self.file, &mut into[done..], at) {
                Ok(0) => return Err(told("the file has become shorter".to_owned())),
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(told(error.to_string())),
            }
        }
        Ok(())
    }

    /// Goes by the holes that the file system keeps. Where it cannot tell, everything counts as data.
    #[cfg(target_os = "linux")]
    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        use rustix::fs::{SeekFrom, seek};
        if offset >= self.size {
            return None;
        }
        let from = match seek(&self.file, SeekFrom::Data(offset)) {
            Ok(from) => from.clamp(offset, self.size),
            Err(rustix::io::Errno::NXIO) => return None,
            Err(_) => return Some((offset, self.size)),
        };
        let to = seek(&self.file, SeekFrom::Hole(from)).unwrap_or(self.size).min(self.size);
        (from < to).then_some((from, to))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_sparse_file_is_read_and_its_hole_passed_over() {
        let mut made = tempfile::NamedTempFile::new().unwrap();
        made.as_file().set_len(8 << 20).unwrap();
        made.seek(SeekFrom::Start(4 << 20)).unwrap();
        made.write_all(&[7; 4096]).unwrap();
        let file = ImageFile::open(made.path()).map_err(|BadInput(text)| text).unwrap();
        let mut into = [0; 100];
        file.read_at((4 << 20) + 4000, &mut into).unwrap();
        assert_eq!((into[0], into[96]), (7, 0));
        assert!(file.read_at((8 << 20) - 99, &mut into).is_err());
        assert!(file.read_at(u64::MAX, &mut into).is_err());
        // A file system without holes says that all is data; then the first offset is 0.
        let (from, to) = file.next_data(0).unwrap();
        assert!(from <= 4 << 20 && to >= (4 << 20) + 4096);
        assert_eq!(file.next_data(8 << 20), None);
    }
}
