//! Rules and expectations as JUnit test cases, for the readers that continuous integration has.
//!
//! A test suite is a scenario. A rule is a test case: violated is a failure with the findings, not exercised and
//! excused are skipped with the reason. An expectation is a test case. A broken invariant is an error, since the run
//! itself cannot be relied on. No wall-clock time is written, so the same run gives the same bytes.

use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};
use vssim_conformance::{Report, Verdict};
use vssim_model::trace::Trace;

use crate::Expectation;
use crate::index::Index;
use crate::outcome::{Entry, Outcome};
use crate::record::Words;
use crate::text::{MESSAGE, harmless, name, span};

/// The run as a JUnit document.
#[must_use]
pub fn junit(trace: &Trace, report: &Report, expectations: &[Expectation]) -> String {
    render(trace, &Outcome::of(report), expectations)
}

pub(crate) fn render(trace: &Trace, outcome: &Outcome<'_>, expectations: &[Expectation]) -> String {
    let index = Index::of(trace);
    let header = &trace.header;
    let mut suite = TestSuite::new(name(&header.scenario));
    for (property, value) in [("release", &header.release), ("seed", &header.seed), ("vssim", &header.vssim)] {
        suite.add_property((property, harmless(value, MESSAGE).as_str()));
    }
    for broken in outcome.invariants {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("defect of vssim").set_message(harmless(&broken.detail, MESSAGE));
        suite.add_test_case(case(&name(&broken.name), "vssim.invariants", status));
    }
    for expectation in expectations {
        let status = if expectation.met {
            TestCaseStatus::success()
        } else {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("not as expected").set_message(harmless(&expectation.detail, MESSAGE));
            status
        };
        suite.add_test_case(case(&harmless(&expectation.name, MESSAGE), "vssim.expectations", status));
    }
    for entry in &outcome.entries {
        suite.add_test_case(case(entry.id, &format!("vssim.rules.{}", entry.actor), status(&index, entry)));
    }
    let mut document = JunitReport::new("vssim");
    document.add_test_suite(suite);
    // Writing into memory does not fail, and what XML cannot hold is filtered out before.
    document.to_string().unwrap_or_default()
}

fn case(name: &str, class: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}

fn status(index: &Index<'_>, entry: &Entry<'_>) -> TestCaseStatus {
    match entry.verdict {
        Verdict::Upheld => TestCaseStatus::success(),
        Verdict::NotExercised => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("not exercised: the occasion of the rule never arose");
            status
        }
        Verdict::Excused(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("excused: {}", harmless(reason, MESSAGE)));
            status
        }
        Verdict::Violated(findings) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(format!("{} of the {}", entry.level, entry.actor));
            let first = findings.first().map(|finding| harmless(&finding.sentence, MESSAGE));
            status.set_message(first.unwrap_or_else(|| entry.sentence.to_owned()));
            status.set_description(description(index, entry));
            status
        }
    }
}

/// The rule, and each breach with the records that show it.
fn description(index: &Index<'_>, entry: &Entry<'_>) -> String {
    let mut lines = vec![entry.sentence.to_owned(), format!("{} · {}", entry.requirements.join(", "), entry.source)];
    let words = Words { index: Some(index) };
    for finding in entry.findings() {
        lines.push(harmless(&finding.sentence, MESSAGE));
        for n in &finding.records {
            if let Some((_, record)) = index.record(*n) {
                lines.push(format!("  #{n}  {}  {}: {}", span(record.t), name(&record.actor), words.what(record)));
            }
        }
    }
    lines.join("\n")
}
