//! Checks of what bears on full diff areas: sizes and limits, registry values, incidents.

use super::Resolver;
use crate::area::{Least, least};
use crate::error::{ErrorKind, Problem};
use crate::layout::Placed;
use crate::scalars::Size;
use crate::syntax::machine::{Incident, Volume};
use crate::yaml::At;

/// The most client-accessible shadow copies that MaxShadowCopies allows.
const MOST_SHADOW_COPIES: u32 = 512;

impl Resolver<'_> {
    pub(super) fn diff_area(&mut self, at: usize, volume: &Volume, layout: &[Vec<Placed>]) {
        let Some(area) = &volume.diff_area else { return };
        self.a_volume(&area.volume);
        let Some(host) = self.names.volume(area.volume.as_str()) else { return };
        let least = least(self.document, layout, at, host);
        if let Some(maximum) = &area.maximum {
            self.area_maximum(maximum, least);
        }
        if let Some(initial) = &area.initial {
            if initial.0 == 0 {
                let problem = Problem::new(ErrorKind::ImpossibleSize, "a diff area cannot begin with nothing");
                self.problem(problem.expected("at least 16 KiB"), initial.pos);
            }
            if let Least::Windows(bytes) = least {
                let what = "Windows decides how large the diff area of this volume is at first";
                let expected = format!("no `initial`: it is {} MiB", bytes >> 20);
                self.problem(Problem::new(ErrorKind::Contradiction, what).expected(expected), initial.pos);
            }
        }
    }

    /// IVssDifferentialSoftwareSnapshotMgmt::AddDiffArea wants at least the least size.
    fn area_maximum(&mut self, maximum: &At<Size>, least: Least) {
        let (bytes, shown) = match least {
            Least::Windows(bytes) => (bytes, format!("at least {} MiB, the least size of a diff area", bytes >> 20)),
            Least::Structures(bytes) => (bytes, format!("at least {} KiB, what one shadow copy needs", bytes >> 10)),
        };
        if maximum.0 < bytes {
            let what = format!("a diff area of at most {} B cannot hold a shadow copy", maximum.0);
            let problem = Problem::new(ErrorKind::ImpossibleSize, what)
                .expected(format!("{shown}, or no `maximum` for an unlimited one"));
            self.problem(problem, maximum.pos);
        }
    }

    pub(super) fn registry(&mut self) {
        let document = self.document;
        let registry = &document.machine.registry;
        if let Some(most) = &registry.max_shadow_copies
            && !(1..=MOST_SHADOW_COPIES).contains(&most.0)
        {
            let problem = Problem::new(ErrorKind::OutOfRange, format!("MaxShadowCopies cannot be {}", most.0));
            self.problem(problem.expected(format!("1 to {MOST_SHADOW_COPIES}")), most.pos);
        }
        for value in registry.vss_access_control.values().filter(|value| value.0 > 3) {
            let problem = Problem::new(ErrorKind::OutOfRange, format!("VssAccessControl cannot be {}", value.0));
            self.problem(problem.expected("0 to 3"), value.pos);
        }
        for writer in &registry.writers_blocking_revert {
            self.a_writer(writer);
        }
        if let Some(least) = &registry.min_diff_area_file_size
            && let Err(expected) = self.document.release.0.least_diff_area_set(least.0)
        {
            let problem = Problem::new(ErrorKind::OutOfRange, format!("MinDiffAreaFileSize cannot be {}", least.0));
            self.problem(problem.expected(expected), least.pos);
        }
    }

    pub(super) fn incident(&mut self, incident: &Incident) {
        match incident {
            Incident::OverwriteFile(file) => drop(self.on_a_volume(&file.path)),
            Incident::DeleteFiles(file) => drop(self.on_a_volume(&file.path)),
            Incident::WriteFile(file) => drop(self.on_a_volume(&file.path)),
            Incident::GrowFile(file) => drop(self.on_a_volume(&file.path)),
            Incident::Dismount(volume) | Incident::IoError(volume) => self.a_volume(&volume.volume),
            Incident::WritersUnreachable(_) => {}
            Incident::Reboot(_) => {}
            Incident::UnregisterProvider(what) => self.a_provider(&what.provider),
        }
    }
}
