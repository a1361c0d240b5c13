//! What must come out of a run.

use vssim_sim::plan::Script;

use crate::stage::StepExpectation;
use crate::syntax;

/// The codes that the steps of a requester must return.
#[derive(Clone, Debug)]
pub struct ExpectedSteps {
    /// The requester.
    pub requester: String,
    /// Its script.
    pub script: Script,
    /// The instructions whose codes are known.
    pub codes: Vec<StepExpectation>,
}

/// What must come out of a run.
#[derive(Clone, Debug)]
pub struct Expectations {
    /// What the scenario says.
    pub written: syntax::Expectations,
    /// What single steps say.
    pub steps: Vec<ExpectedSteps>,
}

impl Expectations {
    pub(crate) fn of(written: &syntax::Expectations, steps: Vec<ExpectedSteps>) -> Expectations {
        Expectations { written: written.clone(), steps }
    }
}
