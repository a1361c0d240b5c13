mod support;
#[test]
fn probe() {
    for script in [support::good(), support::vetoed(), support::provider_failed("PreCommitSnapshots")] {
        let report = vssim_conformance::judge(&script.trace());
        println!("== {:?}", report.counts);
        for j in &report.verdicts {
            println!("{:45} {}", j.rule.id, j.verdict.word());
            if let vssim_conformance::Verdict::Violated(f) = &j.verdict {
                println!("   {f:?}");
            }
        }
    }
}
