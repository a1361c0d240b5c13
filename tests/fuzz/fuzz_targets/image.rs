#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = vssim_tests::image_reader::image(bytes);
});
