//! Contexts: which ones SetContext takes, which providers can work in them, which calls they allow.

use vssim_model::context::{Attributes, Context};
use vssim_model::hresult::HResult;
use vssim_model::tables::{RequesterGuard, RequesterState};

use super::Caller;
use crate::service::operation::Search;
use crate::service::{Object, Service};

/// From InitializeForBackup to the end of the backup.
const OF_A_BACKUP: [RequesterState; 10] = [
    RequesterState::Initialized,
    RequesterState::MetadataGathered,
    RequesterState::SetOpen,
    RequesterState::PreparingForBackup,
    RequesterState::PreparedForBackup,
    RequesterState::CreatingSet,
    RequesterState::SetFailed,
    RequesterState::SetCreated,
    RequesterState::CompletingBackup,
    RequesterState::BackupCompleted,
];
/// Neither in a backup nor in a restore.
const OUTSIDE: [RequesterState; 4] =
    [RequesterState::NoObject, RequesterState::ObjectCreated, RequesterState::Aborted, RequesterState::Released];

impl Service {
    /// Whether SetContext takes the number on this release (nf-vsbackup-ivssbackupcomponents-setcontext.md).
    pub(in crate::service) fn check_context(&self, context: u32) -> Result<(), HResult> {
        Context::for_release(context, self.plan.release).map(|_| ()).map_err(|error| error.hresult())
    }

    /// Leaves out the providers that cannot work in the object's context: client-accessible shadow copies are the system provider's
    /// alone, and the system provider copies on write and moves nothing to other machines (CTX-012, CTX-014). Persistent shadow
    /// copies want NTFS (CTX-003), and so does the volume that holds the diff area (SNP-025).
    pub(in crate::service) fn fit_context(&self, index: u32, mut search: Search) -> Search {
        let context = self.objects.get(index).map_or(0, |object| object.context);
        if context == u32::MAX {
            return search;
        }
        let context = Attributes(context);
        let ntfs = |volume: u16| self.plan.volumes.get(usize::from(volume)).is_some_and(|plan| plan.ntfs);
        let host = self.plan.volumes.get(usize::from(search.volume)).map(|plan| plan.diff_area_on);
        if context.contains(Attributes::PERSISTENT) && !ntfs(search.volume) {
            search.candidates.clear();
        }
        let others = [Attributes::PLEX, Attributes::TRANSPORTABLE];
        let needs_system = context.contains(Attributes::CLIENT_ACCESSIBLE);
        let needs_other = others.iter().any(|&bit| context.contains(bit));
        search.candidates.retain(|&provider| {
            let system = self.plan.providers.get(usize::from(provider)).is_some_and(|plan| plan.system);
            if system { !needs_other && host.is_some_and(ntfs) } else { !needs_system }
        });
        search
    }

    /// The object that a call is made on.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` for one that was released or never existed (docs/choices.md, S-01).
    pub(super) fn living(&self, caller: Caller) -> Result<(u32, &Object), HResult> {
        self.object_numbered(caller.object).ok_or(HResult::VSS_E_BAD_STATE)
    }

    /// The object that a call is made on, from its InitializeFor… to AbortBackup or Release.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` for an object that is not in use.
    pub(super) fn in_use(&self, caller: Caller) -> Result<(u32, &Object), HResult> {
        let found = self.living(caller)?;
        if OUTSIDE.contains(&found.1.state) { Err(HResult::VSS_E_BAD_STATE) } else { Ok(found) }
    }

    /// The object that a call is made on, which must be used for a backup.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` for one that is not initialised, or used for a restore.
    pub(super) fn in_backup(&self, caller: Caller) -> Result<(u32, &Object), HResult> {
        let found = self.living(caller)?;
        if OF_A_BACKUP.contains(&found.1.state) { Ok(found) } else { Err(HResult::VSS_E_BAD_STATE) }
    }

    /// The object that a call is made on, which must be used for a restore.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` for one that is not initialised, or used for a backup.
    pub(super) fn in_restore(&self, caller: Caller) -> Result<(u32, &Object), HResult> {
        let found = self.in_use(caller)?;
        if OF_A_BACKUP.contains(&found.1.state) { Err(HResult::VSS_E_BAD_STATE) } else { Ok(found) }
    }

    /// The context in which an object queries.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` before InitializeForBackup and SetContext (nf-vsbackup-ivssbackupcomponents-query.md); Windows XP has no
    /// SetContext to wait for.
    pub(super) fn querying(&self, caller: Caller) -> Result<u32, HResult> {
        let (_, object) = self.in_backup(caller)?;
        let set = object.done.contains(&RequesterGuard::ContextSet) || !self.plan.release.has_set_context();
        if set { Ok(object.context) } else { Err(HResult::VSS_E_BAD_STATE) }
    }
}
