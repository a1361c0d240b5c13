//! Planted faults: from what is written to what a script holds.

use vssim_model::documents;
use vssim_sim::plan::{DamageOp, DamagedDocument as Of, Op};

use super::methods::Places;
use super::{Stager, index};
use crate::syntax::damage::{Damage, DamagedDocument};

impl Stager<'_> {
    /// A planted fault becomes an instruction.
    pub(super) fn damage(&self, damage: &Damage, places: &Places) -> Op {
        let writer = damage.writer.as_ref().and_then(|name| self.scenario.names.writer(name.as_str()));
        let of = match (damage.document.value, &damage.on, writer) {
            (DamagedDocument::BackupComponents, ..) => Of::BackupComponents,
            (DamagedDocument::Metadata, Some(on), _) => Of::Held(self.method_argument(&on.value, None, places)),
            (DamagedDocument::Metadata, None, Some(writer)) => Of::Gathered(index(writer)),
            (DamagedDocument::Metadata, None, None) => Of::Built,
        };
        let fault = documents::Damage {
            element: damage.element.0.clone(),
            which: damage.which.as_ref().map_or(0, |which| which.0),
            attribute: damage.attribute.as_ref().map(|name| name.0.clone()),
            value: damage.value.as_ref().map(|value| value.0.clone()),
        };
        Op::Damage(DamageOp { of, fault }.into())
    }
}
