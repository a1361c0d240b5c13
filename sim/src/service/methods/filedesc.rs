//! IVssWMFiledesc: a file set, from whichever document it comes.

use vssim_model::api::{Out, Value};
use vssim_model::documents::FileSpecBackupType;
use vssim_model::hresult::HResult;

use super::Done;

/// A file set as it was when the object was handed out. An `Err` is what the document tells wrongly: the code that its
/// getter answers, while the others answer well.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filedesc {
    /// The directory.
    pub path: Result<String, HResult>,
    /// The file specification.
    pub filespec: Result<String, HResult>,
    /// Whether directories below belong to it.
    pub recursive: Result<bool, HResult>,
    /// The alternate path or location; none where there is none.
    pub alternate: Result<Option<String>, HResult>,
    /// In which backups the files take part.
    pub backup_type: Result<u32, HResult>,
}

impl Filedesc {
    /// A file set with everything in order.
    #[must_use]
    pub fn new(path: &str, filespec: &str, recursive: bool, alternate: Option<&str>) -> Filedesc {
        Filedesc {
            path: Ok(path.to_owned()),
            filespec: Ok(filespec.to_owned()),
            recursive: Ok(recursive),
            alternate: Ok(alternate.map(str::to_owned)),
            backup_type: Ok(FileSpecBackupType::DEFAULT.0),
        }
    }

    /// A call of the interface.
    ///
    /// # Errors
    /// What the document tells wrongly.
    pub(super) fn call(&self, method: &str) -> Result<Done, HResult> {
        let (parameter, value) = match method {
            "GetPath" => ("pbstrPath", Value::text(self.path.clone()?)),
            "GetFilespec" => ("pbstrFilespec", Value::text(self.filespec.clone()?)),
            "GetRecursive" => ("pbRecursive", Value::Flag(self.recursive?)),
            "GetBackupTypeMask" => ("pdwTypeMask", Value::Number(self.backup_type?.into())),
            "GetAlternateLocation" => {
                let parameter = "pbstrAlternateLocation";
                return match self.alternate.clone()? {
                    Some(path) => Done::ok(Out::values([(parameter, Value::text(path))])),
                    // Page of GetAlternateLocation: the pointer is NULL then.
                    None => Ok(Done::Now(HResult::S_FALSE, Out::values([(parameter, Value::Null)]))),
                };
            }
            _ => return Err(HResult::E_NOTIMPL),
        };
        Done::ok(Out::values([(parameter, value)]))
    }
}
