//! How fast the simulator is: its event loop, whole backups with and without a trace, the states of the exhaustive search.
//!
//! `cargo bench -p vssim-tests`. Figures differ from machine to machine; compare the rows of one run.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark; what cannot be set up ends it")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use vssim_model::time::Ticks;
use vssim_scenarios::stage::{NoFiles, stage};
use vssim_scenarios::{Scenario, library};
use vssim_sim::choices::Seeded;
use vssim_sim::fixture::{Small, small};
use vssim_sim::plan::{OpenChoices, Plan};
use vssim_sim::queue::{Class, Queue};
use vssim_sim::record::Off;
use vssim_sim::run::{build, drive, run, run_unrecorded};
use vssim_sim::search::{Limits, search};

fn full_backup() -> Arc<Plan> {
    let entry = library::find("full-backup").unwrap();
    let scenario = Scenario::parse(entry.name, entry.text).unwrap();
    Arc::new(stage(&scenario, &NoFiles).unwrap().plan)
}

fn event_loop(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event-loop");
    group.throughput(Throughput::Elements(64));
    group.bench_function("queue: 64 events in and out", |bench| {
        bench.iter(|| {
            let mut queue = Queue::default();
            for n in 0..64_u64 {
                queue.push(Ticks(n * 7919 % 64), Class::Message, 0, n);
            }
            while let Some(entry) = queue.take(0) {
                black_box(entry.event);
            }
        });
    });
    let plan = full_backup();
    let mut choices = Seeded::new(1);
    let world = build(&plan, &mut choices).unwrap();
    let events = drive(world.clone(), &mut choices.clone(), &mut Off).events;
    group.throughput(Throughput::Elements(events));
    group.bench_function("full-backup: events", |bench| {
        bench.iter_batched(
            || (world.clone(), choices.clone()),
            |(world, mut choices)| drive(world, &mut choices, &mut Off).events,
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn whole_runs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("whole-run");
    let plan = full_backup();
    group.bench_function("full-backup with trace", |bench| bench.iter(|| run(&plan, 7).unwrap()));
    group.bench_function("full-backup without trace", |bench| bench.iter(|| run_unrecorded(&plan, 7).unwrap()));
    let (_, trace) = run(&plan, 7).unwrap();
    group.bench_function("full-backup judged", |bench| bench.iter(|| vssim_conformance::judge(&trace)));
    group.finish();
}

fn exhaustive_search(criterion: &mut Criterion) {
    let open = OpenChoices { crashes: true, vetoes: true };
    let plan = Arc::new(small(Small { writers: 2, volumes: 1, transactions: None, open }).unwrap());
    let states = search(&plan, Limits::default()).unwrap().states;
    let mut group = criterion.benchmark_group("search");
    group.sample_size(10);
    group.throughput(Throughput::Elements(states));
    group.bench_function("states", |bench| bench.iter(|| search(&plan, Limits::default()).unwrap().states));
    group.finish();
}

criterion_group!(benches, event_loop, whole_runs, exhaustive_search);
criterion_main!(benches);
