//! How fast a shadow copy is read, against the volume without it: 16 KiB at random places, and the whole copy in order.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vssim_sim::disk_format::{BLOCK, ReadAt};
use vssim_sim::image::{Copies, NeverCopied};
use vssim_tests::corpus::corpus;
use vssim_tests::images::Image;

const READS: u64 = 1_000;
const STEP: u64 = 1 << 20;

fn measure(criterion: &mut Criterion, name: &str, device: &dyn ReadAt) {
    let mut group = criterion.benchmark_group(name);
    let mut block = vec![0; BLOCK as usize];
    let blocks = device.size() / BLOCK;
    group.throughput(Throughput::Bytes(READS * BLOCK));
    group.bench_function("1,000 random blocks", |bencher| {
        bencher.iter(|| {
            let mut place = 7_u64;
            for _ in 0..READS {
                place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                device.read_at((place >> 33) % blocks * BLOCK, &mut block).expect("it lies inside");
            }
            black_box(&block);
        });
    });
    let mut large = vec![0; STEP as usize];
    group.throughput(Throughput::Bytes(device.size()));
    group.sample_size(10);
    group.bench_function("whole, in steps of 1 MiB", |bencher| {
        bencher.iter(|| {
            for at in (0..device.size() / STEP).map(|step| step * STEP) {
                device.read_at(at, &mut large).expect("it lies inside");
            }
            black_box(&large);
        });
    });
    group.finish();
}

fn image(criterion: &mut Criterion) {
    let Some(image) = corpus().and_then(|corpus| Image::open(&corpus, "plaso_vsstest")) else {
        return;
    };
    measure(criterion, "the volume", &image);
    let copies = Copies::open(&image, None).expect("the corpus is whole");
    for (number, name) in ["the oldest copy", "the newest copy"].into_iter().enumerate() {
        let view = copies.view(number, NeverCopied::Live).expect("the corpus is whole");
        measure(criterion, name, &view);
    }
    criterion.bench_function("opening the copies and a view", |bencher| {
        bencher.iter(|| {
            let copies = Copies::open(&image, None).expect("the corpus is whole");
            black_box(copies.view(0, NeverCopied::Zeros).map(|view| view.runs()))
        });
    });
}

criterion_group!(benches, image);
criterion_main!(benches);
