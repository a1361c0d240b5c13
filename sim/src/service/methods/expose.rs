//! ExposeSnapshot and UnexposeSnapshot: a shadow copy under a drive letter, in a folder, as a share.
//!
//! | exposed | contexts | `wszPathFromRoot` | `wszExpose` |
//! |---|---|---|---|
//! | locally | VSS_CTX_NAS_ROLLBACK, VSS_CTX_APP_ROLLBACK (BRK-010) | NULL | a free drive letter, an empty folder; NULL: a free letter |
//! | remotely | all but the client-accessible ones (BRK-011) | NULL, or a folder | a free share name; NULL: one is made |

use vssim_model::api::{MethodCall, Out, Value};
use vssim_model::context::{Attributes, Context, SnapshotContext};
use vssim_model::hresult::HResult;
use vssim_model::ids::SnapshotId;

use super::snapshots::id_of;
use super::{Caller, Done};
use crate::plan::ProviderQuestion;
use crate::service::Service;
use crate::service::copies::Exposure;

/// The longest name of a share (NNLEN of lmcons.h).
const LONGEST_SHARE: usize = 80;

impl Service {
    /// ExposeSnapshot (nf-vsbackup-ivssbackupcomponents-exposesnapshot.md; docs/choices.md, `exposure`).
    pub(super) fn expose_snapshot(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        self.in_backup(caller)?;
        let id = id_of(call, "SnapshotId")?;
        let attributes = u32::try_from(call.number("lAttributes")).unwrap_or(0);
        let (locally, remotely) =
            (attributes == Attributes::EXPOSED_LOCALLY.0, attributes == Attributes::EXPOSED_REMOTELY.0);
        if !locally && !remotely {
            return Err(HResult::E_INVALIDARG);
        }
        let place = self.find_copy(SnapshotId(id)).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        let (context, provider, exposed) = self
            .shadow(place)
            .map(|(set, shadow)| (set.context, shadow.provider, shadow.exposed.is_some()))
            .ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        if exposed {
            return Err(HResult::VSS_E_BAD_STATE);
        }
        check_context(context, locally)?;
        let path = call.text("wszPathFromRoot");
        let name = call.text("wszExpose");
        let (name, path) = if locally {
            if path.is_some() {
                return Err(HResult::E_INVALIDARG);
            }
            (self.local_name(name)?, None)
        } else {
            let path = path.map_or(Ok(String::new()), shared_path)?;
            (self.share_name(name)?, Some(path))
        };
        self.ask(provider, ProviderQuestion::SetSnapshotProperty)?;
        let exposure = Exposure { name: name.clone(), path, remote: remotely };
        self.set_exposure(place, Some(exposure));
        Done::ok(Out::values([("pwszExposed", Value::text(name))]))
    }

    /// UnexposeSnapshot (nf-vsbackup-ivssbackupcomponentsex2-unexposesnapshot.md).
    pub(super) fn unexpose_snapshot(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        self.in_backup(caller)?;
        let id = id_of(call, "snapshotId")?;
        let place = self.find_copy(SnapshotId(id)).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        let exposed = self.shadow(place).filter(|(_, shadow)| shadow.exposed.is_some());
        let provider = exposed.map(|(_, shadow)| shadow.provider).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        self.ask(provider, ProviderQuestion::SetSnapshotProperty)?;
        self.set_exposure(place, None);
        Done::nothing()
    }

    fn set_exposure(&mut self, (set, index): (u32, usize), exposure: Option<Exposure>) {
        if let Some(shadow) = self.sets.get_mut(set).and_then(|set| set.shadows.get_mut(index)) {
            shadow.exposed = exposure;
        }
    }

    /// A drive letter or a folder that is free.
    fn local_name(&self, name: Option<&str>) -> Result<String, HResult> {
        let Some(name) = name else {
            let free = ('D'..='Z').map(|letter| format!("{letter}:")).find(|letter| !self.is_taken(letter));
            return free.ok_or(HResult::E_INVALIDARG);
        };
        let bare = name.strip_suffix('\\').unwrap_or(name);
        let mut letters = bare.chars();
        let drive =
            matches!((letters.next(), letters.next()), (Some(letter), Some(':')) if letter.is_ascii_alphabetic());
        let folder = letters.as_str();
        let inside = folder.strip_prefix('\\').is_some_and(|folder| crate::storage::path::check(folder).is_ok());
        let good = folder.is_empty() || inside;
        if !drive || !good || self.is_taken(bare) || !folder.is_empty() && !self.is_empty_folder(bare) {
            return Err(HResult::E_INVALIDARG);
        }
        Ok(bare.to_owned())
    }

    /// The name of a share that is free.
    fn share_name(&self, name: Option<&str>) -> Result<String, HResult> {
        let Some(name) = name else {
            let made = |number: u32| format!("ShadowCopy{number}");
            return (1..).map(made).find(|name| !self.is_taken(name)).ok_or(HResult::E_INVALIDARG);
        };
        let length = name.chars().count();
        let good =
            (1..=LONGEST_SHARE).contains(&length) && !name.contains(['\\', '/', ':', '*', '?', '"', '<', '>', '|']);
        if good && !self.is_taken(name) { Ok(name.to_owned()) } else { Err(HResult::E_INVALIDARG) }
    }

    /// Whether a volume, or an exposed shadow copy, has the name already.
    fn is_taken(&self, name: &str) -> bool {
        let exposed = self.sets.iter().flat_map(|(_, set)| &set.shadows).filter_map(|shadow| {
            let exposed = shadow.exposed.as_ref().filter(|_| self.is_there(shadow))?;
            Some(exposed.name.as_str())
        });
        let volumes = self.plan.volumes.iter().map(|volume| volume.name.trim_end_matches('\\'));
        exposed.chain(volumes).any(|taken| taken.eq_ignore_ascii_case(name))
    }

    /// Whether the folder lies on a volume, which brought no file at its place or in it.
    fn is_empty_folder(&self, path: &str) -> bool {
        let (drive, folder) = path.split_once('\\').unwrap_or((path, ""));
        let volume = self.plan.volumes.iter().find(|volume| volume.name.eq_ignore_ascii_case(drive));
        let folder = crate::storage::path::fold(folder);
        volume.is_some_and(|volume| {
            !volume.files.iter().any(|(file, _)| {
                let rest = crate::storage::path::fold(file);
                rest.strip_prefix(folder.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
            })
        })
    }
}

/// Which shadow copies can be exposed (BRK-010, BRK-011).
fn check_context(context: u32, locally: bool) -> Result<(), HResult> {
    let base = Context::from_bits(context).map(Context::base).map_err(|_| HResult::E_INVALIDARG)?;
    let rollback = matches!(base, SnapshotContext::NasRollback | SnapshotContext::AppRollback);
    let client = matches!(base, SnapshotContext::ClientAccessible | SnapshotContext::ClientAccessibleWriters);
    if client || locally && !rollback { Err(HResult::E_INVALIDARG) } else { Ok(()) }
}

/// The part of the volume that is shared: no variables, no wildcards; the backslash at its end is optional.
fn shared_path(path: &str) -> Result<String, HResult> {
    let bare = path.strip_prefix('\\').unwrap_or(path);
    let bare = bare.strip_suffix('\\').unwrap_or(bare);
    let good = bare.is_empty() || !bare.contains('%') && crate::storage::path::check(bare).is_ok();
    if good { Ok(bare.to_owned()) } else { Err(HResult::E_INVALIDARG) }
}
