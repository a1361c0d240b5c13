#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = vssim_tests::store_files::saved_store(bytes);
});
